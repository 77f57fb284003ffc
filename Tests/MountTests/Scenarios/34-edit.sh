# An edit inserts bytes at the start, in the middle and at the end, and removes and replaces bytes.
. "$(dirname "$0")/prologue.sh"

does edit '{"path":"a.txt","edits":[{"at":0,"insert":"zero\n"}]}'
content a.txt 'zero
one
two
three'
does edit '{"path":"/a.txt","edits":[{"at":5,"delete":3,"insert":"ONE!"}]}'
content a.txt 'zero
ONE!
two
three'
does edit '{"path":"a.txt","edits":[{"at":"end","insert":"four"},{"at":"end","insert":"\n"}]}'
content a.txt 'zero
ONE!
two
three
four'
does edit '{"path":"./src/../a.txt","edits":[{"at":0,"delete":24}]}'
is diff 'M	14	1	a.txt'
does edit '{"path":"a.txt","edits":[{"at":0,"delete":1,"insert_base64":"AP8="}]}'
must test "$(od -An -tx1 a.txt)" = ' 00 ff'
does undo 5
same a.txt "$base/a.txt"
