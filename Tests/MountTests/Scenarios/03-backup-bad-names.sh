# Invalid names of backups are refused, each for its reason.
. "$(dirname "$0")/prologue.sh"

for name in .hidden . .. @17 -x '""' 'a/b' / "'a	b'" "'a
b'" --nonsense; do
    fails_with 'Invalid argument' backup "$name" 'backup'
done
fails_with 'Invalid argument' backup '' 'needs a name'
long=$(printf '%0255d' 1)
does backup "$long"
fails_with 'File name too long' backup "${long}0" '256'
fails_with 'Invalid argument' backup "'not closed" 'not closed'
fails_with 'Invalid argument' backup '"not closed' 'not closed'
test "$(grep -c . .draft/backup)" -eq 1 || complain 'some were made'
must test "$(ls .draft/backups)" = "$long"
