# The base content under an edited file is kept, and can be compared with the current base.
. "$(dirname "$0")/prologue.sh"

printf XXX | dd of=a.txt conv=notrunc status=none
printf XXX | dd of=notes conv=notrunc status=none
chmod 600 tool
printf '1st\n2nd\n3rd\n4th\n' > "$base/a.txt"
echo 'other notes' > "$base/notes"
echo 'echo walk' > "$base/tool"
has drift '"path":"a.txt","reason":"'
has drift '"kept":true,"base":"'
content a.txt 'XXX
two
three'
content .draft/base-then/a.txt 'one
two
three'
content .draft/base-now/a.txt '1st
2nd
3rd
4th'
content .draft/base-now/src/main.c 'int main(void) { return 0; }'
fails_with 'Device or resource busy' drift 'accept a.txt' '--merge'
fails_with 'Device or resource busy' drift 'ours a.txt 1-2-3-4' 'again'
does drift "ours a.txt $(sed -n 's/.*"a.txt".*"base":"\([^"]*\)".*/\1/p' .draft/drift)"
does drift 'theirs notes'
content a.txt 'XXX
two
three'
content notes 'other notes'
content tool 'echo walk'
must test "$(stat -c %a tool)" = 600
is drift ''
does undo 2
content notes 'XXXes'
has drift '"path":"notes"'
rm "$base/a.txt"
content a.txt 'XXX
two
three'
