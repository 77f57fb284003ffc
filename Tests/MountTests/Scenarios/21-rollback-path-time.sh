# Single paths that go back get the present time, so that make builds anew.
# known: a file that was untouched gets the old time of the base
. "$(dirname "$0")/prologue.sh"

echo work > src/lib/util.c
does backup one
echo more > src/lib/util.c
touch "$store.mark"
does rollback 'one src/lib'
content src/lib/util.c work
must test src/lib/util.c -nt "$store.mark"
# A file that was as in the base, too.
echo work > a.txt
does rollback '@0 a.txt'
same a.txt "$base/a.txt"
must test a.txt -nt "$store.mark"
