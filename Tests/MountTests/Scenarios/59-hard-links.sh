# Hard links of one file stay linked through edits, backups and rollbacks.
. "$(dirname "$0")/prologue.sh"

echo more >> hard1
same hard1 hard2
does backup b
must rm hard1
echo alone > hard2
does rollback b
must test hard1 -ef hard2
content hard2 'shared
more'
same .draft/backups/b/hard1 hard2
does rollback @0
must test "$(stat -c %h hard1)" -eq 2
same . "$base"
