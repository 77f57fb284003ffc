# The limit of files (those made here, and the root): one file too many fails with EDQUOT, until there is
# room again.
. "$(dirname "$0")/prologue.sh"

for name in a b c d; do echo > "$name"; done
does limits 'files 5'
within 10 grep -q 'files' .draft/events
refused 'Disk quota exceeded' touch e
refused 'Disk quota exceeded' mkdir d2
refused 'Disk quota exceeded' ln -s a l
absent e
echo changed > a
content a changed
must rm b
must touch e
refused 'Disk quota exceeded' touch f
does limits 'files none'
must touch f
