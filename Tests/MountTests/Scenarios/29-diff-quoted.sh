# Diff quotes unusual paths as git does.
. "$(dirname "$0")/prologue.sh"

echo > 'a	b'
echo > 'say "x"'
echo > 'back\slash'
echo > 'ä'
echo > 'two
lines'
echo > 'plain name'
has diff '	"a\tb"'
has diff '	"say \"x\""'
has diff '	"back\\slash"'
has diff '	"\303\244"'
has diff '	"two\nlines"'
has diff '	plain name'
must test "$(grep -c . .draft/diff)" -eq 6
