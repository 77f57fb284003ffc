# Deleting a backup removes its name. Its moment can still be reached by number.
. "$(dirname "$0")/prologue.sh"

echo kept > new
does backup one
number=$(sed -n 's/.*"sequence":\([0-9]*\).*/\1/p' .draft/backup)
rm new
fails_with 'No such file or directory' backup '--delete two' 'two'
does backup '--delete one'
is backup ''
absent .draft/backups/one
fails_with 'No such file or directory' rollback one 'one'
fails_with 'No such file or directory' backup '--delete one' 'one'
fails_with 'Invalid argument' backup '--delete' 'one name'
fails_with 'Invalid argument' backup '--delete a b' 'one name'
content ".draft/at/$number/new" kept
does rollback "@$number"
content new kept
