# A large file gets an automatic backup before its first edit, a small file gets none.
. "$(dirname "$0")/prologue.sh"

does limits 'large-file 10K'
echo x >> a.txt
is backup ''
echo x >> big
has backup '"automatic":true'
name=$(sed -n 's/.*"name":"\([^"]*\)".*/\1/p' .draft/backup)
same ".draft/backups/$name/big" "$base/big"
echo y >> big
test "$(grep -c . .draft/backup)" -eq 1 || complain 'more than one'
does limits 'large-file none'
does rollback "$name big"
same big "$base/big"
