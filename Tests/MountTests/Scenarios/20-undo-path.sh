# Undo of paths reverts the last steps of these paths only.
. "$(dirname "$0")/prologue.sh"

echo one > f
echo one > src/g
echo two > f
echo two > src/g
does undo f
content f one
content src/g two
does undo '1 src'
content src/g one
content f one
echo digits > 3
echo more > 3
does undo ./3
content 3 digits
fails_with 'No such file or directory' undo 'notes' 'notes'
fails_with 'No such file or directory' undo 'nothing' 'nothing'
fails_with 'Invalid argument' undo '../f' 'leaves'
fails_with 'Invalid argument' undo '1 -f' '-f'
