# A check of everything, or of paths, runs in the background and leaves a report.
. "$(dirname "$0")/prologue.sh"

echo x >> a.txt
echo new > new
does verify ''
within 20 grep -q '"state": "done"' .draft/verify
is progress ''
has verify '"clean": true'
is events ''
does verify 'a.txt src'
within 20 grep -q '"state": "done"' .draft/verify
fails_with 'No such file or directory' verify 'nothing' 'nothing'
fails_with 'Invalid argument' verify '../x' 'leaves'
fails_with 'Invalid argument' verify '--all' '--all'
has verify '"state": "done"'
