# The program edits text and lines of a large file in one record, keeps the version it has read, and reads
# parts of the file.
. "$(dirname "$0")/prologue.sh"

seq 1000000 > large
before=$(grep -o '"log_bytes": [0-9]*' .draft/status | grep -o '[0-9]*$')
must "$draftfs" edit large --old '
500000
' --new '
half
way
' > /dev/null
must "$draftfs" edit large --lines 1:0 --new 'the first line' > /dev/null
must test "$(sed -n '1p;2p;500001,500003p' large | tr '\n' ' ')" = 'the first line 1 half way 500001 '
must test "$(wc -l < large)" = 1000002
after=$(grep -o '"log_bytes": [0-9]*' .draft/status | grep -o '[0-9]*$')
must test "$((after - before))" -lt 10000
must test "$("$draftfs" read large --lines 500001:2 | tr '\n' ' ')" = 'half way '
must test "$("$draftfs" read large --tail 1)" = 1000000
refused 'is not in the file' "$draftfs" edit large --old 'never there' --new x
does undo 2
must test "$(seq 1000000 | cksum)" = "$(cksum < large)"
