# Invalid limits leave the others unchanged.
. "$(dirname "$0")/prologue.sh"

does limits 'files 1000'
bad() { fails_with 'Invalid argument' limits "$1" "$2"; }
bad '' 'key'
bad 'bytes' 'key'
bad 'bytes 1 2' 'key'
bad 'size 10' 'size'
bad 'Bytes 10' 'Bytes'
bad 'bytes -1' '-1'
bad 'bytes 1.5G' '1.5G'
bad 'bytes 10X' '10X'
bad 'bytes G' 'G'
bad 'bytes 9223372036854775808' '9223372036854775808'
bad 'bytes 99999999T' '99999999T'
bad 'files 1K' '1K'
bad 'files many' 'whole number'
bad 'retention 10' 'age'
bad 'retention 1y' '1y'
bad 'retention 99999999w' 'age'
bad 'memory 1M' '64M'
bad '--bytes 10' '--bytes'
is limits 'bytes none
files 1000
file-size none
memory 256M
large-file 10M
retention none
pin 10M'
