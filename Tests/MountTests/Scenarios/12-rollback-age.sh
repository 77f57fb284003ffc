# A rollback to a moment that is given by an age.
. "$(dirname "$0")/prologue.sh"

echo old > f
sleep 2.1
echo new > f
does rollback -1s
content f old
does rollback -0s
does rollback -1w
absent f
same . "$base"
for age in -1 -s -1y -1.5h --5m -5M '-5 m' - -99999999999999999999s; do
    fails_with 'Invalid argument' rollback "$age" 'age'
done
