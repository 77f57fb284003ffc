# A rollback to a backup restores every name, content and time.
. "$(dirname "$0")/prologue.sh"

echo edited >> src/main.c
does backup good
cp -a . "$store.copy"
must rm -rf src empty
must mv a.txt b.txt
echo rubbish > big
must chmod 700 tool
must mkdir new
does rollback good
same . "$store.copy"
absent new
for name in a.txt src/main.c big tool link; do
    must test "$(stat -c '%a %s %y' $name)" = "$(stat -c '%a %s %y' "$store.copy/$name")"
done
must rm -rf "$store.copy"
