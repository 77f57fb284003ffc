# Undo of more steps than there are, of no step, and of an invalid count is refused.
. "$(dirname "$0")/prologue.sh"

fails_with 'No such file or directory' undo '' 'nothing'
echo one > f
fails_with 'No such file or directory' undo 9 '9'
content f one
fails_with 'Invalid argument' undo 0 'from one'
fails_with 'Invalid argument' undo 99999999999999999999 'as many as there are'
fails_with 'Invalid argument' undo -1 '-1'
fails_with 'No such file or directory' undo 9223372036854775807 '9223372036854775807'
does undo 1
absent f
