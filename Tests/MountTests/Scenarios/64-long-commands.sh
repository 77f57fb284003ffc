# Long commands arrive in pieces of whole pages, from cat, dd or a shell, and are executed once.
. "$(dirname "$0")/prologue.sh"

{
    printf '{"path":"a.txt","edits":[{"at":"end","insert":"'
    head -c 3000000 /dev/zero | tr '\0' x
    printf '"}]}\n'
} > "$store.json"
must cat "$store.json" > .draft/edit
is last-error ''
must test "$(wc -c < a.txt)" -eq 3000014
does undo ''
must dd if="$store.json" of=.draft/edit bs=1M status=none
must test "$(wc -c < a.txt)" -eq 3000014
does undo ''
must bash -c 'x=$(seq -s " " 20000); echo "verbose $x" > .draft/backup'
is last-error ''
has backup '19999 20000'
must test "$(wc -l < .draft/backup)" -ge 1
must test -d .draft/backups/verbose
absent .draft/backups/60
# A piece without a line end does nothing, and last-error says so.
head -c 8192 /dev/zero | tr '\0' x > "$store.txt"
must dd if="$store.txt" of=.draft/undo bs=8192 status=none
has last-error 'no line end'
must test "$(wc -c < a.txt)" -eq 14
# Nor does a command that is longer than the limit.
{
    printf '{"path":"a.txt","edits":[{"at":"end","insert":"'
    head -c 17000000 /dev/zero | tr '\0' x
    printf '"}]}\n'
} > "$store.json"
refused 'File too large' dd if="$store.json" of=.draft/edit bs=1M status=none
has last-error '16 MiB'
must test "$(wc -c < a.txt)" -eq 14
