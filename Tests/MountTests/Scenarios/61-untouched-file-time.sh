# A file that becomes the same as in the base gets the present time, too.
. "$(dirname "$0")/prologue.sh"

touch "$store.mark"
echo work > a.txt
does rollback '@0 a.txt'
same a.txt "$base/a.txt"
must test a.txt -nt "$store.mark"
