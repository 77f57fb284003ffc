# history.SEQ ends with SEQ. It is not listed, and does not exist for later numbers.
. "$(dirname "$0")/prologue.sh"

echo one > f
one=$(last_change)
echo two > f
echo three > f
must test "$(tail -n 1 ".draft/history.$one" | sed 's/.*"seq":\([0-9]*\).*/\1/')" = "$one"
lacks "history.$one" '"seq":'$((one + 1))
must test -z "$(cat .draft/history.0)"
for name in history.99999 history. history.x history.-1 history.1x history.@1; do
    refused 'No such file or directory' cat ".draft/$name"
done
case $(ls -A .draft) in *history.*) complain 'it is listed' ;; esac
