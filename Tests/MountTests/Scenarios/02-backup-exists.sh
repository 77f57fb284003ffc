# The name of a backup is unique. The existing backup is unchanged.
. "$(dirname "$0")/prologue.sh"

echo before > new
does backup 'one first'
echo after > new
fails_with 'File exists' backup 'one again' 'one'
has backup '"comment":"first"'
content .draft/backups/one/new before
does backup '--delete one'
does backup 'one again'
content .draft/backups/one/new after
has backup '"comment":"again"'
lacks backup '"comment":"first"'
