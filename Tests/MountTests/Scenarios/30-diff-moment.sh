# Diff against backups and other moments. Invalid names return ENOENT.
. "$(dirname "$0")/prologue.sh"

echo one > f
does backup good
number=$(last_change)
echo two > f
echo x > g
wanted='A	-	2	g
M	4	4	f'
for moment in good "@$number"; do
    must test "$(sort ".draft/diff.$moment")" = "$wanted"
done
must test "$(sort .draft/diff.-1w)" = "$(sort .draft/diff)"
must test "$(sort .draft/diff.@0)" = "$(sort .draft/diff)"
must test "$(sort .draft/diff.@2020-01-01)" = "$(sort .draft/diff)"
is diff.-0s ''
for name in diff. diff.nothing diff.@99999 diff.-1y diff.@x diff.workspace: diff.workspace:no; do
    refused 'No such file or directory' cat ".draft/$name"
done
case $(ls .draft) in *diff.*) complain 'it is listed' ;; esac
