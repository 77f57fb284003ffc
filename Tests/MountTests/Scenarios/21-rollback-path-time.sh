# Single paths that are rolled back get the present time, so that make builds them again.
. "$(dirname "$0")/prologue.sh"

echo work > src/lib/util.c
does backup one
echo more > src/lib/util.c
touch "$store.mark"
does rollback 'one src/lib'
content src/lib/util.c work
must test src/lib/util.c -nt "$store.mark"
