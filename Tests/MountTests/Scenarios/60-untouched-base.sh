# No command and no change of the workspace changes the base.
. "$(dirname "$0")/prologue.sh"

before=$(cd "$base" && find . -exec stat -c '%n %a %s %Y %Z %h %u' {} + | sort && cat a.txt big)
echo x >> big
must rm -rf src
must mv a.txt b.txt
must chmod 600 tool
does backup b
does clone 'big bigger'
does edit '{"path":"bigger","edits":[{"at":0,"insert":"x"}]}'
does rollback @0
does undo ''
does rollback @0
must test "$before" = \
    "$(cd "$base" && find . -exec stat -c '%n %a %s %Y %Z %h %u' {} + | sort && cat a.txt big)"
