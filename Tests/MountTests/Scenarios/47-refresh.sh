# Changes of the base are visible after a refresh, where the workspace changed nothing.
. "$(dirname "$0")/prologue.sh"

content notes notes
absent later
echo mine > a.txt
must ls src > /dev/null
echo 'other notes' > "$base/notes"
echo later > "$base/later"
echo 'new main' > "$base/src/main.c"
rm "$base/src/lib/util.c"
does refresh .
content notes 'other notes'
content later later
content src/main.c 'new main'
absent src/lib/util.c
content a.txt mine
does refresh ''
does refresh 'all of it'
has refresh '"from":0,"to":0'
