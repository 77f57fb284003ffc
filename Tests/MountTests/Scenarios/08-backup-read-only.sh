# Nothing can be written in a backup or in a past moment.
. "$(dirname "$0")/prologue.sh"

does backup one
for tree in .draft/backups/one .draft/at/0; do
    refused 'Read-only file system' sh -c "env printf x > $tree/a.txt"
    refused 'Read-only file system' touch "$tree/new"
    refused 'Read-only file system' mkdir "$tree/new"
    refused 'Read-only file system' rm -f "$tree/a.txt"
    refused 'Read-only file system' rmdir "$tree/empty"
    refused 'Read-only file system' mv "$tree/a.txt" "$tree/b.txt"
    refused 'Read-only file system' ln "$tree/a.txt" "$tree/b.txt"
    refused 'Read-only file system' ln -s x "$tree/b"
    refused 'Read-only file system' chmod 600 "$tree/a.txt"
    refused 'Read-only file system' touch -d 2020-01-01 "$tree/a.txt"
    refused 'Read-only file system' truncate -s 1 "$tree/a.txt"
    same "$tree" "$base"
done
