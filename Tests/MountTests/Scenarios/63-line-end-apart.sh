# A line end in a separate write is not another command.
. "$(dirname "$0")/prologue.sh"

# dash's printf writes a long word and its line end separately.
words=$(printf '%09000d' 1)
{ printf '%s' one; printf '\n'; } > .draft/backup || complain 'one'
{ printf '%s' "two $words"; printf '\n'; } > .draft/backup || complain 'two'
is last-error ''
has backup "$words"
echo one > f
echo two > f
{ printf 1; printf '\n'; } > .draft/undo || complain 'undo'
content f one
edit='{"path":"f","edits":[{"at":0,"insert":"'$words'"}]}'
{ printf '%s' "$edit"; printf '\n'; } > .draft/edit || complain 'edit'
is last-error ''
content f "${words}one"
# Each append begins a new command.
printf '\n' >> .draft/undo || complain 'appending'
content f one
