# rmdir and mv in backups delete and rename. A backup replaces no other one.
. "$(dirname "$0")/prologue.sh"

echo one > new
does backup a
echo two > new
does backup b
must mv .draft/backups/a .draft/backups/c
absent .draft/backups/a
content .draft/backups/c/new one
has backup '"name":"c"'
refused 'File exists' mv -T .draft/backups/b .draft/backups/c
told 'c'
content .draft/backups/c/new one
refused 'cannot move' mv -T .draft/backups/b .draft/backups/@b
told '@b'
refused 'Operation not permitted' mv .draft/backups/b here
absent here
must rmdir .draft/backups/b
is last-error ''
absent .draft/backups/b
lacks backup '"name":"b"'
refused 'No such file or directory' rmdir .draft/backups/b
refused 'Operation not permitted' mkdir .draft/backups/d
refused 'Operation not permitted' ln -s x .draft/backups/d
