# A backup is the whole tree of its moment, whatever changes later.
. "$(dirname "$0")/prologue.sh"

echo made > src/new
must mkdir -p empty/a/b
must ln -s nowhere dangling
cp -a . "$store.copy"
does backup all
same .draft/backups/all "$store.copy"
must rm -rf src
must mv notes moved
echo more >> a.txt
must chmod 600 tool
must mkdir src
same .draft/backups/all "$store.copy"
must test "$(stat -c '%a %s %Y' .draft/backups/all/tool)" = "$(stat -c '%a %s %Y' "$store.copy/tool")"
must test "$(readlink .draft/backups/all/link)" = a.txt
must test .draft/backups/all/hard1 -ef .draft/backups/all/hard2
absent .draft/backups/all/.draft
must rm -rf "$store.copy"
