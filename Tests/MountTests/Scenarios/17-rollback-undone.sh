# The backup that is made before a rollback undoes it.
. "$(dirname "$0")/prologue.sh"

echo precious > work
echo more >> notes
cp -a . "$store.copy"
does rollback @0
same . "$base"
name=$(sed -n '/"automatic":true/s/.*"name":"\([^"]*\)".*/\1/p' .draft/backup)
test -n "$name" || complain 'no automatic backup'
has backup 'before the rollback to @0'
same ".draft/backups/$name" "$store.copy"
does rollback "$name"
same . "$store.copy"
# So does undo: a rollback is a change.
does undo ''
same . "$base"
does undo ''
same . "$store.copy"
must rm -rf "$store.copy"
