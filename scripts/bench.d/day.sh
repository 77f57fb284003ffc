# shellcheck shell=bash
# The day of an agent, several times over, in one workspace over a work tree of git: edits by sed -i,
# object files made and removed, commits of git, a tree of small files that is unpacked. At the end of each
# day all history is released, as the retention does it in time, and the store is measured: it should stay
# as large as its present content needs. Ends with all checks; fails if one finds something. The seconds
# depend on what else runs, the sizes hardly.
# shellcheck disable=SC2154,SC2034 # set by scripts/bench, and used by what is called here

day_files=200 day_edited=40 day_rounds=5
day_line_bytes=64
day_compiler=$(command -v cc || true)

workload_day() {
    local samples=$work/day.samples system=draftfs round=0 workspace second=0 stored
    local text_lines=$((day_text * 1000000 / day_line_bytes / 4 * 4))
    local -a problems=()
    need git
    note "preparing a work tree with a text of $day_text MB"
    prepare_day
    : >"$samples"
    begin "$work/day/base"
    workspace=$view/agent
    mkdir -- "$workspace"
    paragraph "$day_rounds rounds a day: one line in each of $day_edited files of $day_files and in a text" \
        "of $day_text MB, $day_edited object files made and removed, a commit of git. Each day:" \
        "$day_unpacked files of 2 KiB removed and unpacked, and git gc. Then all history is released."
    printf '%s\n' \
        '| day | given back | present | edit logs | tree log | database | store | daemon | seconds |' \
        '|--:|--:|--:|--:|--:|--:|--:|--:|--:|'
    for ((round = 1; round <= days; round++)); do
        note "day $round of $days"
        timed 'a day' one_day
        measure_day
        if ((round == 2)); then second=$stored; fi
    done
    printf '\n'
    check_day
    printf '%s\n\n' "- the store after day $days ÷ after day 2: $(quotient "$stored" "$second")"
    keep_raw
    ((${#problems[@]} == 0)) || die "not clean: ${problems[*]}"
}

# Makes the base, and an archive of the tree that is unpacked each day.
prepare_day() {
    local base=$work/day/base
    mkdir -p -- "$base"
    make_sources "$base/src"
    # Lines of 63 digits and a newline: 4 digits from 3 bytes.
    head -c $((text_lines * (day_line_bytes - 1) * 3 / 4)) /dev/urandom |
        base64 -w $((day_line_bytes - 1)) >"$base/text"
    printf '/build/\n/unpacked/\n' >"$base/.gitignore"
    view=$base in_git init -q
    view=$base in_git add -A
    view=$base in_git commit -q -m base
    make_tree "$work/day/unpacked" $((day_unpacked / 10)) 10
    tar -cf "$work/day/unpacked.tar" -C "$work/day" unpacked
    sync
}

# make_sources DIR: makes C files of about 3 KB that compile alone.
make_sources() {
    mkdir -- "$1"
    bounded awk -v directory="$1" -v files="$day_files" 'BEGIN {
        for (f = 0; f < files; f++) {
            name = directory "/file" f ".c"
            printf "/* File %d. */\nint revision_%d = 0;\n", f, f >name
            for (n = 0; n < 25; n++)
                printf "\nint function_%d_%d(int a, int b)\n{\n    int sum = a * %d + b;\n\n" \
                    "    while (sum > %d)\n        sum -= a + %d;\n    return sum;\n}\n", \
                    f, n, n + 3, f + n + 100, n + 1 >name
            close(name)
        }
    }'
}

# Each file is edited once a day: each round takes the next ones.
one_day() {
    local turn number
    local -a edited
    bounded rm -rf -- "$workspace/unpacked" || return
    bounded tar -xf "$work/day/unpacked.tar" -C "$workspace" || return
    for ((turn = 1; turn <= day_rounds; turn++)); do
        edited=()
        for ((number = 0; number < day_edited; number++)); do
            edited+=("file$((((turn - 1) * day_edited + number) % day_files)).c")
        done
        (cd -- "$workspace/src" && bounded sed -i \
            "s/^\(int revision_[0-9]*\) = .*/\1 = $(((round - 1) * day_rounds + turn));/" "${edited[@]}") &&
            bounded sed -i "$((((round * day_rounds + turn) * 9973) % text_lines + 1))s/.*/$(text_line)/" \
                "$workspace/text" &&
            build_day "${edited[@]}" &&
            view=$workspace in_git add -A &&
            view=$workspace in_git commit -q -m "day $round, round $turn" || return
    done
    # Without this, objects of git pile up in the present content.
    view=$workspace in_git gc -q
}

# Prints another line of the same length.
text_line() { printf '%0*d' $((day_line_bytes - 1)) $((round * day_rounds + turn)); }

# build_day FILE...: makes an object file of each, with a compiler if there is one, and removes them.
build_day() {
    local file build=$workspace/build
    mkdir -- "$build" || return
    for file in "$@"; do
        if [[ -n $day_compiler ]]; then
            bounded "$day_compiler" -c -o "$build/$file.o" "$workspace/src/$file"
        else
            head -c 4700 /dev/urandom >"$build/$file.o"
        fi || return
    done
    bounded rm -r -- "$build"
}

# Releases all history, measures, and prints the row of the day. Sets $stored to the store's size.
measure_day() {
    local report given present memory
    report=$(bounded "$draftfs_binary" gc --older-than 0s --json -C "$view") || die "gc failed"
    [[ $report != *'"problem":"'* ]] || die "gc has a problem: $report"
    memory=$(daemon_memory)
    given=$(total released_bytes "$(head -n 1 <<<"$report")")
    present=$(total present_bytes "$report")
    sync -f -- "$work"
    stored=$(on_disk)
    sample 'store:given back' "$given"
    sample 'store:present' "$present"
    sample 'store:edit logs' "$(on_disk -path '*/logs*')"
    sample 'store:tree log' "$(on_disk -name 'tree*.log*')"
    sample 'store:database' "$(on_disk -name 'tree*.db*')"
    sample 'store:store' "$stored"
    sample 'memory:daemon' "$memory"
    awk -F '\t' -v round="$round" '
        function megabytes(n) { return sprintf("%.1f MB", n / 1000000) }
        $1 == round && $3 == "a day" { seconds = sprintf("%.1f", $4) }
        $1 == round && $3 ~ /^(store|memory):/ { cells = cells " " megabytes($4) " |" }
        END { printf "| %d |%s %s |\n", round, cells, seconds }' "$samples"
}

# total KEY JSON: prints the sum of the numbers of that key.
total() {
    grep -oE "\"$1\": ?[0-9]+" <<<"$2" | awk -F ':' '{ sum += $2 } END { printf "%.0f\n", sum }'
}

# on_disk [TEST...]: prints how many bytes of disk the store has, or what of it passes a test of find, as
# du -B1 does. The daemon may remove files meanwhile.
on_disk() {
    { bounded find "$upper" "$@" -printf '%b\n' 2>/dev/null || true; } |
        awk '{ sum += $1 } END { printf "%.0f\n", sum * 512 }'
}

# Prints the resident memory of the daemon, in bytes.
daemon_memory() {
    local status
    status=$(bounded "$draftfs_binary" status --json "$view") || die "status failed"
    awk '/^VmRSS:/ { print $2 * 1024 }' "/proc/$(total daemon_pid "$status")/status"
}

# Checks the repository of git and all data, ends the mount, and checks the store.
check_day() {
    clean 'git fsck' day_fsck
    clean 'draftfs verify' bounded "$draftfs_binary" verify -C "$workspace"
    tear_down_but_store
    clean 'draftfs fsck' bounded "$draftfs_binary" fsck "$upper"
    rm -rf --one-file-system -- "$work/run"
}

# Also fails if git sees a change that was not committed.
day_fsck() {
    view=$workspace in_git fsck --full --strict &&
        view=$workspace in_git status -s | awk '{ print } END { exit NR > 0 }'
}

# clean NAME CMD...: prints whether CMD succeeds, and what it says if not.
clean() {
    if quietly "${@:2}"; then
        printf '%s\n' "- $1: clean"
    else
        printf '%s\n' "- $1: not clean"
        problems+=("$1")
    fi
}

tear_down_but_store() {
    bounded "$draftfs_binary" unmount "$view" || die "draftfs unmount failed for $view"
    await_daemons
    [[ -z $(mounts_under "$work") ]] || die "draftfs is still mounted"
}

quotient() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", a / b }'; }
