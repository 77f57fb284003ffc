# Commands of up to 1 MiB are taken whole, from cat or dd.
. "$(dirname "$0")/prologue.sh"

{
    printf '{"path":"a.txt","edits":[{"at":"end","insert":"'
    head -c 1000000 /dev/zero | tr '\0' x
    printf '"}]}\n'
} > "$store.json"
must cat "$store.json" > .draft/edit
is last-error ''
must test "$(wc -c < a.txt)" -eq 1000014
does undo ''
must dd if="$store.json" of=.draft/edit bs=1M status=none
must test "$(wc -c < a.txt)" -eq 1000014
{
    printf '{"path":"a.txt","edits":[{"at":"end","insert":"'
    head -c 1100000 /dev/zero | tr '\0' x
    printf '"}]}\n'
} > "$store.json"
refused 'Invalid argument' dd if="$store.json" of=.draft/edit bs=2M status=none
has last-error '1048576'
must test "$(wc -c < a.txt)" -eq 1000014
{ echo 'verbose '; seq 100000; } | tr '\n' ' ' > "$store.txt"
must dd if="$store.txt" of=.draft/backup bs=1M status=none
has backup '99999 100000'
must test -d .draft/backups/verbose
