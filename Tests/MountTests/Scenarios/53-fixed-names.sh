# The names in .draft cannot be made, changed or removed.
. "$(dirname "$0")/prologue.sh"

refused 'Operation not permitted' sh -c 'env touch .draft/new'
refused 'Operation not permitted' mkdir .draft/new
refused 'Operation not permitted' rm -f .draft/status
refused 'Operation not permitted' mv .draft/status .draft/other
refused 'Operation not permitted' chmod 666 .draft/status
refused 'Operation not permitted' ln -s x .draft/link
refused 'Operation not permitted' rmdir .draft/at
refused 'rmdir' rmdir .draft
refused 'mv' mv .draft other
refused 'mkdir' mkdir .draft
must test "$(stat -c %a .draft .draft/at .draft/backup .draft/status | tr '\n' ' ')" = '700 700 600 400 '
must test "$(stat -c %u .draft/backup)" = "$(id -u)"
must test "$(ls .draft | wc -l)" -eq 26
same . "$base"
