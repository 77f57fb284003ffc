# A rollback to an invalid moment does nothing.
. "$(dirname "$0")/prologue.sh"

echo work > notes
does backup one
fails_with 'No such file or directory' rollback One 'One'
fails_with 'No such file or directory' rollback 'one\ ' 'one '
fails_with 'Invalid argument' rollback '"@0 notes" notes' '@0 notes'
content notes work
fails_with 'Invalid argument' rollback 'a/b' 'a/b'
fails_with 'Invalid argument' rollback .draft '.draft'
fails_with 'Invalid argument' rollback 'one "notes' 'not closed'
content notes work
test "$(grep -c . .draft/backup)" -eq 1 || complain 'a backup was made before a rollback that failed'
has rollback 'MOMENT [--times] [path…]'
