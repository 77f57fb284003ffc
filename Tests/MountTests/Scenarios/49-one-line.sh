# A command needs no line end. A write of blanks is one command without words.
. "$(dirname "$0")/prologue.sh"

printf one > .draft/backup || complain 'no line end'
must test -d .draft/backups/one
printf '%s' '  two   a comment  ' > .draft/backup || complain 'blanks'
has backup '"comment":"a comment"'
printf 'three\r\n' > .draft/backup && complain 'a carriage return is no blank'
has last-error 'control'
echo x > f
printf '\n' > .draft/undo || complain 'a blank line'
absent f
echo x > f
printf ' \t \n\n' > .draft/undo || complain 'blank lines'
absent f
: > .draft/undo
: > .draft/backup
test "$(grep -c . .draft/backup)" -ge 2 || complain 'truncating deletes'
echo keep > f
: > .draft/undo
content f keep
if printf 'one' > .draft/backup 2> /dev/null; then complain 'the shell was not told'; fi
has last-error one
