# The limit of bytes: a warning at 80 %, EDQUOT above, and a rollback in spite of it.
. "$(dirname "$0")/prologue.sh"

does backup before
does limits 'bytes 1M'
dd if=/dev/zero of=f bs=1000 count=850 status=none
within 10 grep -q '"severity":"warning"' .draft/events
has events 'bytes'
has events '"workspace":"ws"'
has status 'bytes'
refused 'Disk quota exceeded' dd if=/dev/zero of=g bs=65536 count=16 status=none
is last-error ''
does rollback before
absent f
absent g
refused 'Disk quota exceeded' dd if=/dev/zero of=g bs=65536 count=16 status=none
does limits 'bytes none'
dd if=/dev/zero of=g bs=65536 count=16 status=none
must test "$(wc -c < g)" -eq 1048576
