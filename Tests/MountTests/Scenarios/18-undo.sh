# Undo reverts the last step, or the last N steps.
. "$(dirname "$0")/prologue.sh"

echo one > f
echo two > f
must rm a.txt
must mkdir d
does undo ''
absent d
absent a.txt
does undo 1
must test -d d
does undo 4
absent d
content a.txt 'one
two
three'
has backup 'undone'
has undo '[N] [path…]'
