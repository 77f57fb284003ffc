# Another user can use the files, but cannot list, read or write .draft.
# options: -o allow_other
. "$(dirname "$0")/prologue.sh"

test "$(id -u)" -eq 0 || exit 0
other() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
must test "$(other cat notes)" = notes
does backup b
refused 'Permission denied' other ls .draft
refused 'Permission denied' other ls -l .draft/status
refused 'Permission denied' other cat .draft/status
refused 'Permission denied' other cat .draft/backups/b/notes
refused 'Permission denied' other cat .draft/at/0/notes
refused 'Permission denied' other cat .draft/blame/notes
refused 'Permission denied' other cat .draft/diff.b
refused 'Permission denied' other sh -c 'env printf c > .draft/backup'
refused 'Permission denied' other rmdir .draft/backups/b
must test "$(ls .draft/backups)" = b
# Not even after the daemon's user has brought it into the kernel's caches.
cat .draft/at/0/notes > /dev/null
refused 'Permission denied' other cat .draft/at/0/notes
