# An open file keeps working over a rollback, and a file that it removes is as unlinked.
. "$(dirname "$0")/prologue.sh"

echo first > f
does backup b
echo second > f
echo gone > g
exec 3< f 4< g
does rollback b
must test "$(cat <&3)" = first
absent g
cat <&4 > /dev/null || complain 'a file that is gone cannot be read'
exec 3<&- 4<&-
exec 5>> f
echo more >&5
exec 5>&-
content f 'first
more'
