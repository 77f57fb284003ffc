# The list of workspaces has limits of the store, which apply beside those of each workspace.
# list
. "$(dirname "$0")/prologue.sh"

case $(ls -A) in *draft*) complain '.draft is listed' ;; esac
found=$(ls .draft | tr '\n' ' ')
must test "$found" = 'discard events gc last-error limits list metrics progress restore status '
is limits 'bytes none
files none
memory 256M
retention 1w
pin 10M'
must mkdir one two
for name in a b c; do echo > one/$name; done
does limits 'files 7'
has limits 'files 7'
echo > two/a
echo > two/b
refused 'Disk quota exceeded' touch two/c
refused 'Disk quota exceeded' touch one/d
must test -z "$(cat one/.draft/last-error)"
does limits 'retention 1d'
has limits 'retention 1d'
fails_with 'Invalid argument' limits 'file-size 1G' 'in a workspace'
fails_with 'Invalid argument' limits 'large-file none' 'in a workspace'
fails_with 'Invalid argument' limits 'files none
memory 1M' 'line 2:'
must touch one/d
for name in backup rollback undo history diff at; do absent ".draft/$name"; done
control=one/.draft
does limits 'retention 1d'
# The store's limit applies where a workspace has no limit of its own.
control=.draft
does limits 'pin 5M'
control=one/.draft
has limits 'pin 5M'
does limits 'pin 6M'
has limits 'pin 6M'
control=two/.draft
has limits 'pin 5M'
