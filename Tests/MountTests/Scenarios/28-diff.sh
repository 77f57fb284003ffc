# Diff against the base: each kind of difference has its letter.
. "$(dirname "$0")/prologue.sh"

is diff ''
echo new > added
must rm notes
echo more >> a.txt
must mv src/main.c src/moved.c
must chmod 700 tool
must rm link
must mkdir link
tab='	'
wanted="M${tab}14${tab}19${tab}a.txt
A${tab}-${tab}4${tab}added
T${tab}5${tab}-${tab}link
D${tab}6${tab}-${tab}notes
R${tab}29${tab}29${tab}src/main.c${tab}src/moved.c
P${tab}9${tab}9${tab}tool"
must test "$(sort -k 4 .draft/diff)" = "$wanted"
does rollback @0
is diff ''
