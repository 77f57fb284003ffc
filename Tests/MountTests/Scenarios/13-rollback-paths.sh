# A rollback of single paths keeps the rest; --times restores their times.
. "$(dirname "$0")/prologue.sh"

echo work > notes
echo work > a.txt
echo work > src/main.c
echo work > src/extra
must rm -rf src/lib
does rollback '@0 src /a.txt'
same src "$base/src"
same a.txt "$base/a.txt"
content notes work
echo work > a.txt
does rollback '@0 --times a.txt'
must test "$(stat -c %y a.txt)" = "$(stat -c %y "$base/a.txt")"
echo work > a.txt
does rollback '@0 a.txt --times'
must test "$(stat -c %y a.txt)" = "$(stat -c %y "$base/a.txt")"
does rollback '@0 ./src/../notes'
same notes "$base/notes"
