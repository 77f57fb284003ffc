# A rollback to a time, with offsets and fractions.
. "$(dirname "$0")/prologue.sh"

echo old > f
sleep 0.05
then=$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)
east=$(TZ=UTC-2 date -d "$then" +%Y-%m-%dT%H:%M:%S.%N+02:00)
sleep 0.05
echo new > f
does rollback "@$then"
content f old
echo newer > f
does rollback "@$east"
content f old
echo newest > f
does rollback @2020-01-01
absent f
does rollback @2020-01-01T00:00Z
for time in @2020-13-01 @2020-02-30 @2020-01-01T00:00:00 @2020-01-01T25:00Z @2020-01 @20-01-01 \
    @2020-01-01T00:00:00+25:00 @1600-01-01 @yesterday; do
    fails_with 'Invalid argument' rollback "$time" "$time"
done
