# status, metrics, progress, verify and events can be read and show the current state.
. "$(dirname "$0")/prologue.sh"

has status '"workspace": "ws"'
has status '"version": '
must test "$(tail -n 1 .draft/metrics)" = '# EOF'
has metrics '# TYPE '
must test "$(grep -c '^# EOF' .draft/metrics)" -eq 1
is progress ''
is events ''
has verify '"state": "none"'
does backup b
has status '"backup_count": 1'
for file in rollback undo clone edit refresh; do has $file write; done
