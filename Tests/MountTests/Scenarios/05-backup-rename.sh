# A rename keeps number, time and comment.
. "$(dirname "$0")/prologue.sh"

does backup 'old why'
before=$(sed 's/"name":"[^"]*"//' .draft/backup)
does backup 'other'
does backup '--rename old new'
after=$(sed -n '/"new"/s/"name":"[^"]*"//p' .draft/backup)
must test "$before" = "$after"
absent .draft/backups/old
must test -d .draft/backups/new
fails_with 'No such file or directory' backup '--rename old newer' 'old'
fails_with 'File exists' backup '--rename new other' 'other'
fails_with 'Invalid argument' backup '--rename new' 'two names'
fails_with 'Invalid argument' backup '--rename new @5' '@5'
fails_with 'Invalid argument' backup '--rename new a b' 'two names'
does backup '--rename new new'
must test "$(ls .draft/backups | tr '\n' ' ')" = 'new other '
