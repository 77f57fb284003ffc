# Impossible commands for drift are refused.
. "$(dirname "$0")/prologue.sh"

fails_with 'No such file or directory' drift 'accept nothing' 'nothing'
fails_with 'No such file or directory' drift 'drop nothing' 'nothing'
fails_with 'Invalid argument' drift 'accept a.txt' 'a.txt'
fails_with 'Invalid argument' drift 'drop a.txt' 'a.txt'
fails_with 'Invalid argument' drift 'accept src' 'src'
fails_with 'Invalid argument' drift 'accept' 'path'
fails_with 'Invalid argument' drift '' 'path'
fails_with 'Invalid argument' drift 'accept a.txt notes' 'path'
fails_with 'Invalid argument' drift 'keep a.txt' 'keep'
fails_with 'Invalid argument' drift 'accept ../a.txt' 'leaves'
fails_with 'Invalid argument' drift 'accept -x' '-x'
echo new > new
fails_with 'Invalid argument' drift 'drop new' 'new'
content new new
is drift ''
