# Invalid JSON and unknown keys are refused.
. "$(dirname "$0")/prologue.sh"

bad() { fails_with 'Invalid argument' edit "$1" "$2"; }
bad 'a.txt' 'not understood'
bad '' 'nothing was written'
bad '{"path":"a.txt","edits":[{"at":0,"insert":"x"}]' 'not understood'
bad '["a.txt"]' 'not understood'
bad '{"edits":[{"at":0,"insert":"x"}]}' 'path'
bad '{"path":"a.txt"}' 'edits'
bad '{"path":"a.txt","edits":[]}' 'empty'
bad '{"path":"a.txt","edits":{"at":0}}' 'edits'
bad '{"path":1,"edits":[{"at":0,"insert":"x"}]}' 'path'
bad '{"path":"a.txt","edits":[{"at":-1,"insert":"x"}]}' 'negative'
bad '{"path":"a.txt","edits":[{"at":1.0,"insert":"x"}]}' 'at'
bad '{"path":"a.txt","edits":[{"at":"start","insert":"x"}]}' 'end'
bad '{"path":"a.txt","edits":[{"insert":"x"}]}' 'at'
bad '{"path":"a.txt","edits":[{"at":0}]}' 'neither'
bad '{"path":"a.txt","edits":[{"at":0,"insert":"x","insert_base64":"eA=="}]}' 'both'
bad '{"path":"a.txt","edits":[{"at":0,"insert_base64":"eA"}]}' 'base64'
bad '{"path":"a.txt","edits":[{"at":0,"insert":"x","remove":1}]}' 'remove'
bad '{"path":"a.txt","path":"b","edits":[{"at":0,"insert":"x"}]}' 'twice'
same . "$base"
