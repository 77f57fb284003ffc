# Each workspace has its own last-error, and so has the list of workspaces.
# list
. "$(dirname "$0")/prologue.sh"

must mkdir one two
control=one/.draft
fails_with 'No such file or directory' rollback first first
control=two/.draft
is last-error ''
fails_with 'No such file or directory' rollback second second
control=.draft
is last-error ''
fails_with 'Invalid argument' limits 'third 1' third
control=one/.draft
has last-error first
does backup b
control=two/.draft
has last-error second
control=.draft
has last-error third
does limits 'files none'
absent two/.draft/backups/b
