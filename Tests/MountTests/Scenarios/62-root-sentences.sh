# Errors about the root of the workspace name it.
. "$(dirname "$0")/prologue.sh"

fails_with 'File exists' clone 'a.txt .' 'already'
fails_with 'Invalid argument' clone '. copy' 'itself'
fails_with 'Is a directory' edit '{"path":".","edits":[{"at":0,"insert":"x"}]}' 'directory'
fails_with 'Invalid argument' drift 'accept .' 'drift'
