# Names with blanks, quotes, backslashes and line ends are written as in a shell.
. "$(dirname "$0")/prologue.sh"

echo a > 'with space'
echo b > "it's"
echo c > 'say "x"'
echo d > 'back\slash'
echo e > 'two
lines'
echo f > '$HOME*;#'
does backup base
for name in 'with space' "it's" 'say "x"' 'back\slash' 'two
lines' '$HOME*;#'; do echo changed > "$name"; done
does rollback 'base "with space"'
content 'with space' a
does rollback "base \"it's\""
content "it's" b
does rollback "base 'say \"x\"'"
content 'say "x"' c
does rollback 'base back\\slash'
content 'back\slash' d
does rollback "base 'two
lines'"
content 'two
lines' e
does rollback 'base $HOME*;#'
content '$HOME*;#' f
echo changed > 'with space'
does rollback 'base with\ space'
content 'with space' a
echo changed > 'with space'
does rollback 'base "with"'"' '"'space'
content 'with space' a
