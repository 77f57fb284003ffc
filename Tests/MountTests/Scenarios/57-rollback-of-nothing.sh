# One rollback reverts rm -rf of everything and what was made afterwards.
. "$(dirname "$0")/prologue.sh"

echo work > src/work
does backup before
must rm -rf -- *
must mkdir -p src/main.c notes
echo x > src/main.c/x
echo file > empty
ln -s elsewhere a.txt
echo new > made
does rollback before
must test -f src/main.c
absent made
same src/main.c "$base/src/main.c"
same notes "$base/notes"
must test -d empty
must test ! -L a.txt
content src/work work
must rm src/work
same . "$base"
does undo 2
test -L a.txt || complain 'undo does not undo the rollback'
content made new
