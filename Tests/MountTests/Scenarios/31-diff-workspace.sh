# Diff against another workspace.
# list
. "$(dirname "$0")/prologue.sh"

must mkdir one two
echo a > one/only-one
echo b > two/only-two
echo c > one/a.txt
control=one/.draft
must test "$(sort one/.draft/diff.workspace:two)" = 'A	-	2	only-one
D	2	-	only-two
M	14	2	a.txt'
must test -z "$(cat one/.draft/diff.workspace:one)"
refused 'No such file or directory' cat one/.draft/diff.workspace:three
refused 'No such file or directory' cat .draft/diff.workspace:one
same two/src "$base/src"
