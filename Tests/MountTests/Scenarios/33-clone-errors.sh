# Impossible clones are refused: existing names, missing ones, a directory into itself.
. "$(dirname "$0")/prologue.sh"

fails_with 'File exists' clone 'a.txt notes' 'notes'
fails_with 'File exists' clone 'a.txt src' 'src'
fails_with 'File exists' clone 'a.txt a.txt' 'a.txt'
fails_with 'No such file or directory' clone 'nothing copy' 'nothing'
fails_with 'No such file or directory' clone 'a.txt nothing/copy' 'nothing/copy'
fails_with 'Not a directory' clone 'a.txt notes/copy' 'notes/copy'
fails_with 'Invalid argument' clone 'src src/copy' 'itself'
fails_with 'Invalid argument' clone 'src src/lib/deep/copy' 'itself'
fails_with 'Invalid argument' clone 'a.txt' 'two paths'
fails_with 'Invalid argument' clone 'a b c' 'two paths'
fails_with 'Invalid argument' clone '' 'two paths'
fails_with 'Invalid argument' clone 'a.txt ../copy' 'leaves'
fails_with 'Invalid argument' clone '-r src copy' '-r'
fails_with 'Invalid argument' clone 'a.txt ""' 'empty'
is diff ''
same . "$base"
