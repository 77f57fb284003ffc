# prologue.sh: what the scenarios share. A scenario has the mount point, the base and the store as
# arguments. From here on it runs in the mount point. FILE is a control file, below .draft unless
# `control` names another directory. $draftfs is the program. The first failed check ends the scenario.
#
# Comments in a scenario that tell the test how to mount:
#   # options: …    more words for `draftfs mount`
#   # list          all workspaces instead of one named ws
#   # damages       leaves findings for `verify`, or errors in the daemon's log
set -u
export LC_ALL=C TZ=UTC
mnt=$1 base=$2 store=$3
control=.draft
cd "$mnt" || exit 1

complain() {
    printf 'not so: %s\n' "$*" >&2
    printf 'last-error: ' >&2
    cat "$control/last-error" >&2
    exit 1
}

# must CMD…: the command must succeed.
must() { "$@" || complain "status $? of: $*"; }

# refused ERROR CMD…: the command must fail and print ERROR (the text of an errno) on stderr.
refused() {
    expected=$1
    shift
    if said=$("$@" 2>&1); then complain "succeeded: $*"; fi
    case $said in
    *"$expected"*) ;;
    *) complain "$* said '$said' in place of '$expected'" ;;
    esac
}

# put FILE TEXT: writes TEXT and a line end by one write(2), with a program that reports the errno.
put() { env printf '%s\n' "$2" > "$control/$1"; }

# does FILE TEXT: the command must succeed and empty last-error.
does() {
    put "$1" "$2" || complain "$1 refused: $2"
    is last-error ''
}

# fails_with ERROR FILE TEXT WORD: the command must fail with ERROR, and last-error must be one sentence
# that has WORD.
fails_with() {
    refused "$1" put "$2" "$3"
    told "$4"
}

# told WORD: last-error must be one line that has WORD.
told() {
    test "$(wc -l < "$control/last-error")" -eq 1 || complain "no single line for: $1"
    has last-error "$1"
    if grep -q -e '^ ' -e '  ' -e '""' -e '[A-Za-z]*([.]' "$control/last-error"; then
        complain "no sentence for people: $(cat "$control/last-error")"
    fi
}

# is FILE TEXT: the control file must have that text (line ends at its end aside).
is() {
    found=$(cat "$control/$1") || complain "cannot read $1"
    test "$found" = "$2" || complain "$1 is '$found' in place of '$2'"
}

# has FILE TEXT; lacks FILE TEXT: the control file must contain the text, or must not.
has() { grep -qF -e "$2" "$control/$1" || complain "$1 lacks '$2': $(cat "$control/$1")"; }
lacks() { if grep -qF -e "$2" "$control/$1"; then complain "$1 has '$2'"; fi; }

# content FILE TEXT: the same as `is` for a file of the workspace.
content() {
    found=$(cat "$1") || complain "cannot read $1"
    test "$found" = "$2" || complain "$1 is '$found' in place of '$2'"
}

# same A B: two trees, or two files, must be equal.
same() { diff -r --no-dereference "$1" "$2" >&2 || complain "$1 and $2 differ"; }

# absent PATH: the path must not exist.
absent() { if test -e "$1" || test -L "$1"; then complain "$1 is there"; fi; }

# last_change: prints the number of the last change.
last_change() { sed -n '$s/^{"seq":\([0-9]*\),.*/\1/p' .draft/history; }

# within SECONDS CMD…: the command must succeed in that time.
within() {
    left=$(($1 * 20))
    shift
    until "$@"; do
        left=$((left - 1))
        if [ $left -le 0 ]; then complain "not in time: $*"; fi
        sleep 0.05
    done
}
