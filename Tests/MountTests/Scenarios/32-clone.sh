# A clone of a file or a directory equals its source and is independent of it.
. "$(dirname "$0")/prologue.sh"

echo work > src/new
does clone 'a.txt copy'
same a.txt copy
does clone 'src /copies'
same src copies
must test "$(stat -c '%a %Y' copies/main.c)" = "$(stat -c '%a %Y' src/main.c)"
echo changed > copies/new
echo changed >> copy
content src/new work
same a.txt "$base/a.txt"
does clone '"with space" "empty/with two  spaces"'
same 'with space' 'empty/with two  spaces'
does clone 'link other-link'
must test "$(readlink other-link)" = a.txt
does undo ''
absent other-link
has clone 'SRC DST'
