# Single paths that go back get the present time, so that make builds anew.
. "$(dirname "$0")/prologue.sh"

echo work > src/lib/util.c
does backup one
echo more > src/lib/util.c
touch "$store.mark"
does rollback 'one src/lib'
content src/lib/util.c work
must test src/lib/util.c -nt "$store.mark"
