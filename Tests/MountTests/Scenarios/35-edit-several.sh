# Several splices of one edit, in any order, and several edits in one write.
. "$(dirname "$0")/prologue.sh"

does edit '{"path":"a.txt","edits":[{"at":8,"insert":"C"},{"at":0,"delete":3,"insert":"A"},
    {"at":4,"insert":"B"},{"at":4,"insert":"b"},{"at":4,"delete":1}]}'
content a.txt 'A
Bbwo
Cthree'
does edit '{"path":"notes","edits":[{"at":0,"insert":"1 "}]}
{"path":"notes","edits":[{"at":0,"insert":"2 "}]}{"path":"big","edits":[{"at":0,"insert":"3 "}]}'
content notes '2 1 notes'
must test "$(head -n 1 big)" = '3 line 0 of a file with some length'
# The second edit fails: the first stays, the third is not tried.
fails_with 'No such file or directory' edit '{"path":"notes","edits":[{"at":0,"delete":4}]}
{"path":"nothing","edits":[{"at":0,"delete":1}]}
{"path":"notes","edits":[{"at":0,"delete":1}]}' 'nothing'
content notes notes
