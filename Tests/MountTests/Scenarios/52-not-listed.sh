# .draft is never listed, and tools that empty a directory do not find it.
. "$(dirname "$0")/prologue.sh"

case $(ls -a) in *.draft*) complain 'ls' ;; esac
must test -z "$(find . -name .draft)"
must test "$(find . | sort)" = "$(cd "$base" && find . | sort)"
same . "$base"
does backup all
must rm -rf -- * .[!.]*
must test -z "$(ls -A)"
must test -d .draft
does rollback all
same . "$base"
must test "$(ls .draft | wc -l)" -eq 26
