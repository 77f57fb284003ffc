# History has a line for each change, with its process and its place.
. "$(dirname "$0")/prologue.sh"

printf hello > f
must mv f g
must chmod 600 g
must rm g
ops=$(sed 's/.*"op":"\([a-z-]*\)".*/\1/' .draft/history | tr '\n' ' ')
case $ops in *'create write rename'*) ;; *) complain "operations: $ops" ;; esac
must grep -q '"op":"write","path":"f","range":\[0,5\]}$' .draft/history
must grep -q "\"comm\":\"mv\",\"uid\":$(id -u),\"op\":\"rename\",\"path\":\"g\",\"old_path\":\"f\"}$" \
    .draft/history
must grep -q '"comm":"rm".*"op":"unlink","path":"g"' .draft/history
numbers=$(sed 's/^{"seq":\([0-9]*\),.*/\1/' .draft/history)
must test "$numbers" = "$(printf '%s\n' "$numbers" | sort -nu)"
time='20..-..-..T..:..:..\.[0-9]\{9\}Z'
must test "$(grep -c "\"time\":\"$time\"" .draft/history)" = "$(grep -c . .draft/history)"
# Reading changes nothing.
last=$(last_change)
cat .draft/history .draft/diff .draft/backup .draft/status .draft/verify > /dev/null
must test "$(last_change)" = "$last"
refused 'Operation not permitted' put history x
