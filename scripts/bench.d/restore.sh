# shellcheck shell=bash
# Measures a safety copy of a tree of changed files, rm -rf of the tree, and bringing it back: with
# backup and rollback of draftfs, with cp -a on the plain file system, and with git there. Each system
# starts with the same tree, in which each file has changed (for git: since the last commit).
# shellcheck disable=SC2154,SC2034 # set by scripts/bench, and used by what is called here

restore_systems=(draftfs 'cp -a' git)

workload_restore() {
    local samples=$work/restore.samples system round turn
    need git
    make_tree "$work/restored/tree" "$directories" "$files"
    sync
    : >"$samples"
    for ((round = 1; round <= runs; round++)); do
        for ((turn = 0; turn < 3; turn++)); do
            system=${restore_systems[(turn + round - 1) % 3]}
            note "restore, round $round of $runs: $system"
            case $system in
            draftfs) restore_draftfs ;;
            'cp -a') restore_copy ;;
            git) restore_git ;;
            esac
        done
    done
    warn_of_others
    paragraph "A tree of $(grouped $((directories * files))) changed files of 2 KiB: cp -a and" \
        "git on $plain_name. Medians of $runs rounds."
    operating_table seconds s 'draftfs|cp -a|git' '2/1 cp -a ÷ draftfs|3/1 git ÷ draftfs'
    keep_raw
}

restore_draftfs() {
    local before
    begin "$work/restored" --workspace bench
    change_all "$view"
    before=$(state "$view" tree)
    measure_safety write_command "$view" backup safe
    remove_all "$view"
    measure_return write_command "$view" rollback safe
    tear_down draftfs
}

restore_copy() {
    local before
    begin_plain
    change_all "$view"
    before=$(state "$view" tree)
    measure_safety cp -a -- "$view" "$work/run/safe"
    remove_all "$view"
    measure_return cp -a -- "$work/run/safe/." "$view"
    tear_down plain
}

restore_git() {
    local before
    begin_plain
    in_git init -q
    in_git add -A
    in_git commit -q -m base
    change_all "$view"
    before=$(files_state)
    measure_safety commit_all
    remove_all "$view"
    measure_return in_git reset -q --hard
    tear_down plain
}

# Copies the tree to $view, on the plain file system.
begin_plain() {
    upper=$work/run view=$work/run/plain
    measure_others
    mkdir -p -- "$view"
    cp -a -- "$work/restored/." "$view"
}

# Runs git without the user's settings and without background gc.
in_git() {
    GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null bounded git -C "$view" \
        -c gc.auto=0 -c maintenance.auto=false -c user.name=bench -c user.email=bench@localhost "$@"
}

commit_all() { in_git add -A && in_git commit -q -m safe; }

# Appends one line to each file of $1/tree. It starts no process for a file.
change_all() {
    local file
    for file in "$1"/tree/*/*; do printf 'changed\n' >>"$file"; done
    sync
}

# Contents only, because git does not keep times.
files_state() {
    bounded find "$view/tree" -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum
}

remove_all() { timed 'rm -rf of all' bounded rm -rf -- "$1/tree"; sync; }

# measure_safety CMD...: measures the safety copy and its growth.
measure_safety() {
    local stored
    sync
    stored=$(stored_bytes)
    timed 'safety copy' "$@"
    growth 'growth by the safety copy' "$stored"
}

# measure_return CMD...: measures bringing the tree back, also with deferred work: a sync, and reading
# it.
measure_return() {
    local start
    start=${EPOCHREALTIME/./}
    timed 'bring all back' "$@"
    sync -f -- "$view"
    sample 'bring all back, sync' "$(in_seconds $((${EPOCHREALTIME/./} - start)))"
    timed 'read all of it then' search "$view/tree"
    if [[ $system == git ]]; then
        [[ $(files_state) == "$before" ]]
    else
        [[ $(state "$view" tree) == "$before" ]]
    fi || die "$system did not bring all back"
}
