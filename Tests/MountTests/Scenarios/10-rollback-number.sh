# A rollback to a number restores the state after that change; 0 is the base.
. "$(dirname "$0")/prologue.sh"

echo one > f
one=$(last_change)
echo two > f
two=$(last_change)
echo three > f
does rollback "@$one"
content f one
does rollback "@$two"
content f two
does rollback @0
absent f
same . "$base"
fails_with 'No such file or directory' rollback @999999 '999999'
fails_with 'No such file or directory' rollback @18446744073709551615 'no change'
fails_with 'Invalid argument' rollback @18446744073709551616 'too large'
fails_with 'Invalid argument' rollback @ '@'
fails_with 'Invalid argument' rollback @-1 '@-1'
fails_with 'Invalid argument' rollback @1x '@1x'
same . "$base"
