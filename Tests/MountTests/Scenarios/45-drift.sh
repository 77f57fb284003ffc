# A base file that changed under edits is reported, never mixed in; its edits are accepted or dropped.
# damages
. "$(dirname "$0")/prologue.sh"

# Without a copy of what the base had.
does limits 'pin 0'
printf XXX | dd of=a.txt conv=notrunc status=none
printf XXX | dd of=notes conv=notrunc status=none
is drift ''
fails_with 'Invalid argument' drift 'accept a.txt' 'a.txt'
printf '1st\n2nd\n3rd\n4th\n' > "$base/a.txt"
echo 'other notes' > "$base/notes"
# Where the file system shares extents, the old content was pinned, and nothing drifts.
if test -z "$(cat .draft/drift)"; then exit 0; fi
has drift '"path":"a.txt","reason":"'
has drift '"path":"notes"'
refused 'Input/output error' cat a.txt
within 10 grep -q 'a.txt' .draft/events
has status 'a.txt'
fails_with 'Device or resource busy' drift 'accept a.txt' 'wrong bytes'
printf 'all\nanew\n' > a.txt
does drift 'accept a.txt'
content a.txt 'all
anew'
does drift 'drop notes'
content notes 'other notes'
is drift ''
has backup '"automatic":true'
fails_with 'Invalid argument' drift 'drop notes' 'notes'
