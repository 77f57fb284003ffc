# An impossible edit changes nothing.
. "$(dirname "$0")/prologue.sh"

one() { fails_with "$1" edit "{\"path\":\"$2\",\"edits\":[$3]}" "$4"; }
one 'Invalid argument' a.txt '{"at":0,"delete":3},{"at":2,"insert":"x"}' 'overlap'
one 'Invalid argument' a.txt '{"at":4,"delete":2},{"at":0,"delete":5}' 'overlap'
one 'Invalid argument' a.txt '{"at":15,"insert":"x"}' 'outside'
one 'Invalid argument' a.txt '{"at":13,"delete":2}' 'outside'
one 'Invalid argument' a.txt '{"at":0,"insert":"x"},{"at":99,"insert":"x"}' 'outside'
one 'No such file or directory' nothing '{"at":0,"insert":"x"}' 'nothing'
one 'Is a directory' src '{"at":0,"insert":"x"}' 'directory'
one 'Invalid argument' link '{"at":0,"insert":"x"}' 'link'
one 'Not a directory' a.txt/x '{"at":0,"insert":"x"}' 'a.txt/x'
one 'Invalid argument' ../a.txt '{"at":0,"insert":"x"}' 'leaves'
one 'Invalid argument' '' '{"at":0,"insert":"x"}' 'empty'
one 'Invalid argument' a.txt '{"at":"end","delete":1}' 'end'
one 'Invalid argument' a.txt '{"at":9223372036854775807,"delete":9}' 'longest'
same . "$base"
is diff ''
