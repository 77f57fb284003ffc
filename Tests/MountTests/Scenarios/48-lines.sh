# Several commands in one write are executed in order, up to the first that fails.
. "$(dirname "$0")/prologue.sh"

does backup 'one first

two second'
must test "$(ls .draft/backups | tr '\n' ' ')" = 'one two '
fails_with 'File exists' backup 'three
one
four' 'line 2:'
must test -d .draft/backups/three
absent .draft/backups/four
fails_with 'Invalid argument' backup '--delete two
--rename one "uno' 'line 2:'
absent .draft/backups/two
must test -d .draft/backups/one
fails_with 'No such file or directory' backup 'nought

--delete nothing' 'line 3'
must test -d .draft/backups/nought
does clone 'a.txt x
x y
y z'
same z a.txt
fails_with 'Invalid argument' limits 'files 10000
bytes lots
file-size 1G' 'line 2:'
has limits 'files 10000'
has limits 'file-size none'
# The sentence about the first line has no line number.
fails_with 'File exists' backup one one
lacks last-error 'line'
