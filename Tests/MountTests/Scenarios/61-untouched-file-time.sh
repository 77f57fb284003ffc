# A file that becomes as in the base gets the present time, too.
# known: a file that was untouched gets the old time of the base
. "$(dirname "$0")/prologue.sh"

touch "$store.mark"
echo work > a.txt
does rollback '@0 a.txt'
same a.txt "$base/a.txt"
must test a.txt -nt "$store.mark"
