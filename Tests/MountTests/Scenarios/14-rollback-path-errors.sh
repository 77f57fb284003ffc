# Invalid paths and options of a rollback are refused.
. "$(dirname "$0")/prologue.sh"

echo work > notes
fails_with 'No such file or directory' rollback '@0 nothing' 'nothing'
fails_with 'No such file or directory' rollback '@0 notes nothing/at/all' 'nothing'
content notes work
fails_with 'Invalid argument' rollback '@0 ../notes' '../notes'
fails_with 'Invalid argument' rollback '@0 src/../../notes' 'leaves'
fails_with 'Invalid argument' rollback '@0 ""' 'empty'
fails_with 'Invalid argument' rollback '@0 --time notes' '--time'
fails_with 'Invalid argument' rollback '' 'moment'
fails_with 'Invalid argument' rollback '--times @0' '--times'
fails_with 'File name too long' rollback "@0 $(printf '%0256d' 1)" '256'
content notes work
does rollback '@0 /'
content notes notes
