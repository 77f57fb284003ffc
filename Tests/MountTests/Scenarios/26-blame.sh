# Blame distinguishes bytes of the base, of changes and of holes.
. "$(dirname "$0")/prologue.sh"

printf XX | dd of=a.txt bs=2 seek=2 conv=notrunc status=none
truncate -s 1000 a.txt
number=$(sed -n 's/^{"seq":\([0-9]*\),.*"op":"write","path":"a.txt".*/\1/p' .draft/history)
found=$(sed 's/,"time":"[^"]*","pid":[0-9]*//' .draft/blame/a.txt)
must test "$found" = '{"range":[0,4],"source":"base"}
{"range":[4,6],"source":"change","seq":'"$number"',"comm":"dd","uid":'"$(id -u)"',"op":"write"}
{"range":[6,14],"source":"base"}
{"range":[14,1000],"source":"hole"}'
is blame/src/lib/deep/leaf '{"range":[0,5],"source":"base"}'
does rollback '@0 a.txt'
is blame/a.txt '{"range":[0,14],"source":"base"}'
