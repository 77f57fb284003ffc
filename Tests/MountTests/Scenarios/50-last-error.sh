# last-error is empty at first, says why the last command failed, and is emptied by a success.
. "$(dirname "$0")/prologue.sh"

is last-error ''
fails_with 'No such file or directory' rollback nothing nothing
before=$(cat .draft/last-error)
must test "$(cat .draft/last-error)" = "$before"
echo work > f
cat f > /dev/null
must test "$(cat .draft/last-error)" = "$before"
fails_with 'Invalid argument' undo 0 undo
must test "$(cat .draft/last-error)" != "$before"
does limits 'files 100000'
for file in status diff history events progress metrics last-error; do
    refused 'Operation not permitted' put "$file" x
done
is last-error ''
