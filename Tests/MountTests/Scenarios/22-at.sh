# Past moments are reached by number, by time and by age; none of them is listed.
. "$(dirname "$0")/prologue.sh"

echo one > f
number=$(last_change)
sleep 0.05
time=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
sleep 0.05
echo two > f
for moment in "$number" "@$number" "$time" "@$time"; do
    content ".draft/at/$moment/f" one
    absent ".draft/at/$moment/.draft"
done
same .draft/at/0 "$base"
same .draft/at/2020-01-01 "$base"
same .draft/at/@2020-01-01T12:00:00+02:00 "$base"
same .draft/at/-1w "$base"
content .draft/at/-0s/f two
must test -z "$(ls -A .draft/at)"
for moment in 99999 @99999 18446744073709551616 bogus f 2020 -1 -1y 2020-13-01 @ 1x; do
    refused 'No such file or directory' ls ".draft/at/$moment"
done
refused 'Read-only file system' sh -c "env printf x > .draft/at/$number/f"
