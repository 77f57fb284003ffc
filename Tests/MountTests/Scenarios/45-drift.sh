# A base file that changed under edits is reported and never mixed in; a command decides.
# damages
. "$(dirname "$0")/prologue.sh"

# Without a copy of the earlier base content.
does limits 'pin 0'
printf XXX | dd of=a.txt conv=notrunc status=none
printf XXX | dd of=notes conv=notrunc status=none
is drift ''
fails_with 'Invalid argument' drift 'accept a.txt' 'a.txt'
printf '1st\n2nd\n3rd\n4th\n' > "$base/a.txt"
echo 'other notes' > "$base/notes"
has drift '"path":"a.txt","reason":"'
has drift '"path":"notes"'
# On a file system that shares extents the old content is kept, whatever the limit.
if grep -q '"kept":true' .draft/drift; then exit 0; fi
refused 'Input/output error' cat a.txt
within 10 grep -q 'a.txt' .draft/events
has status 'a.txt'
fails_with 'Device or resource busy' drift 'accept a.txt' 'theirs'
fails_with 'Input/output error' drift 'ours a.txt' 'theirs'
does drift 'theirs a.txt'
content a.txt '1st
2nd
3rd
4th'
does drift 'drop notes'
content notes 'other notes'
is drift ''
has backup '"automatic":true'
fails_with 'Invalid argument' drift 'drop notes' 'notes'
