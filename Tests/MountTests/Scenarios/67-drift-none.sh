# A file without edits shows the content of the base, whatever its name and attributes are here: git sets
# the times of packs that it finds, and so does the base's git.
. "$(dirname "$0")/prologue.sh"

head -c 300000 /dev/zero > "$base/pack"
does refresh .
touch pack
mv notes mine
sleep 0.1
touch "$base/pack"
printf 'other notes\n' > "$base/notes"
does refresh .
must test "$(wc -c < pack)" -eq 300000
must cmp pack "$base/pack"
content mine 'other notes'
is drift ''
printf XXX | dd of=mine conv=notrunc status=none
rm "$base/notes"
does refresh .
content mine 'XXXer notes'
has drift '"path":"mine"'
