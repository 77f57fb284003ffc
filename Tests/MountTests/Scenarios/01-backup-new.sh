# A new backup is listed with its comment, and leaves no error.
. "$(dirname "$0")/prologue.sh"

is backup ''
does backup 'first all  tests "pass  now"'
has backup '"name":"first"'
has backup '"comment":"all tests pass  now"'
has backup '"automatic":false'
does backup second
test "$(grep -c . .draft/backup)" -eq 2 || complain 'not two lines'
test "$(head -n 1 .draft/backup | grep -c '"first"')" -eq 1 || complain 'not the oldest first'
must test "$(ls .draft/backups)" = "first
second"
# Any bytes except control characters and slashes are allowed.
does backup "'two words ä'"
must test -d '.draft/backups/two words ä'
has backup '"name":"two words ä"'
