# History holds 5,000 changes; older ones are reached by number.
. "$(dirname "$0")/prologue.sh"

i=0
while [ $i -lt 5100 ]; do
    echo
    i=$((i + 1))
done > many
last=$(last_change)
lines=$(grep -c . .draft/history)
test "$lines" -le 5000 && test "$lines" -ge 4900 || complain "$lines lines"
first=$(sed -n '1s/^{"seq":\([0-9]*\).*/\1/p' .draft/history)
must test "$first" -eq $((last - 4999))
earlier=.draft/history.$((first - 1))
must test "$(sed -n '$s/^{"seq":\([0-9]*\).*/\1/p' "$earlier")" -eq $((first - 1))
must grep -q '"op":"create"' "$earlier"
does undo ''
absent many
