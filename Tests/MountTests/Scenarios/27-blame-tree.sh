# Blame mirrors the current directories and regular files.
. "$(dirname "$0")/prologue.sh"

must test "$(ls .draft/blame/src)" = 'lib
main.c'
case $(ls .draft/blame) in *link*) complain 'a symlink has no blame' ;; esac
refused 'No such file or directory' cat .draft/blame/link
refused 'No such file or directory' cat .draft/blame/nothing
refused 'No such file or directory' ls .draft/blame/.draft
refused 'Is a directory' cat .draft/blame/src
echo x > src/new
has blame/src/new '"op":"write"'
must rm src/new
refused 'No such file or directory' cat .draft/blame/src/new
must mv src/main.c src/moved.c
has blame/src/moved.c '"source":"base"'
: > empty/none
is blame/empty/none ''
refused 'Operation not permitted' sh -c 'env printf x > .draft/blame/a.txt'
refused 'Operation not permitted' rm -f .draft/blame/a.txt
