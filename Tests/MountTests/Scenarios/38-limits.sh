# Each limit is set, read in the form in which it can be written, and removed.
. "$(dirname "$0")/prologue.sh"

is limits 'bytes none
files none
file-size none
memory 256M
large-file 10M
retention none
pin 10M'
does limits 'bytes 10G'
does limits 'files 100000'
does limits 'file-size 1536K'
does limits 'memory 1g'
does limits 'large-file 1048577'
does limits 'retention 36h'
does limits 'pin 3M'
wanted='bytes 10G
files 100000
file-size 1536K
memory 1G
large-file 1048577
retention 36h
pin 3M'
is limits "$wanted"
has status '"file_size": 1572864'
does limits 'bytes none
files none
file-size none
memory none
large-file none
retention none
pin none'
has limits 'bytes none'
has limits 'memory 256M'
does limits "$wanted"
is limits "$wanted"
