# shellcheck shell=bash
# Shows that operations on a workspace cost in proportion to the changes: fork, backup, rollback, undo
# and clone over a small tree, over a tree of many files, and over a tree with a large file, after the
# same change each time. The kernel has then cached the whole tree and a part of the large file.
# shellcheck disable=SC2154,SC2034 # set by scripts/bench, and used by what is called here

scale_repeats=5
# The number of undo steps of a change: each loop of change_some makes this many.
edited=19 removed=5 created=5
steps=$((edited + 1 + removed + created))

workload_scale() {
    local samples=$work/scale.samples system round turn
    local -a bases=(few many large) names
    names[0]="$(grouped "$few") files, 1 MB"
    names[1]="$(grouped "$many") files, 1 MB"
    names[2]="$(grouped "$few") files, $(sized "$large")"
    local large_kind
    prepare_scale
    : >"$samples"
    for ((round = 1; round <= runs; round++)); do
        for ((turn = 0; turn < 3; turn++)); do
            local number=$(((turn + round - 1) % 3))
            system=${names[number]}
            note "scale, round $round of $runs: $system"
            scale_over "$work/${bases[number]}"
        done
    done
    warn_of_others
    paragraph "Over a tree with one big file ($(sized "$large"): $large_kind); a change is" \
        "$((edited + 1)) files edited by 8 bytes (the big one too), $removed removed, $created" \
        "made. Medians of $((runs * scale_repeats))."
    operating_table milliseconds ms "${names[0]}|${names[1]}|${names[2]}" \
        "2/1 $(grouped $((many / few))) times the files|3/1 $(grouped "$large") times the size"
    keep_raw
}

prepare_scale() {
    note "preparing trees of $few and $many files"
    make_tree "$work/few/tree" $((few / 100)) 100
    make_tree "$work/many/tree" $((many / 100)) 100
    head -c 1MB /dev/urandom >"$work/few/file"
    cp -- "$work/few/file" "$work/many/file"
    ensure_large
}

# scale_over BASE: measures all operations in a fresh store over BASE.
scale_over() {
    local workspace repeat before changed
    begin "$1"
    workspace=$view/agent
    mkdir -- "$workspace"
    walk_attributes "$workspace" >/dev/null
    head -c 256M -- "$workspace/file" >/dev/null
    for ((repeat = 1; repeat <= scale_repeats; repeat++)); do
        scale_once
    done
    tear_down draftfs
}

scale_once() {
    timed_mkdir 'fork' "$view/fork"
    rmdir -- "$view/fork"
    before=$(scale_state)
    write_command "$workspace" backup "before-$repeat" || die "backup failed on $system"
    change_some
    changed=$(scale_state)
    [[ $changed != "$before" ]] || die "nothing was changed on $system"
    tell 'backup' "$workspace" backup "after-$repeat"
    tell 'rollback' "$workspace" rollback "before-$repeat"
    [[ $(scale_state) == "$before" ]] || die "the rollback did not bring all back on $system"
    change_some
    tell "undo of these $steps steps" "$workspace" undo "$steps"
    [[ $(scale_state) == "$before" ]] || die "the undo did not bring all back on $system"
    tell 'clone of the big file' "$workspace" clone 'file copy'
    bounded cmp -n 1000000 -- "$workspace/file" "$workspace/copy" || die "the clone differs"
    rm -- "$workspace/copy"
}

# timed_mkdir NAME DIR: samples the time of the mkdir call alone.
timed_mkdir() {
    local seconds
    seconds=$(bounded perl -MTime::HiRes=time -e '
        my $start = time;
        mkdir $ARGV[0] or die "$!\n";
        printf "%.6f", time - $start' -- "$2") || die "$1 failed on $system"
    sample "$1" "$seconds"
}

# Changes the same files in each tree, in the directories d0 to d9. It starts no process for an edit.
change_some() {
    local tree=$workspace/tree number
    for ((number = 0; number < edited; number++)); do
        printf 'changed\n' 1<>"$tree/d$((number % 10))/file000$((number / 10))"
    done
    printf 'changed\n' |
        bounded dd of="$workspace/file" bs=8 seek=62500 conv=notrunc iflag=fullblock status=none
    for ((number = 0; number < removed; number++)); do rm -- "$tree/d$number/file0010"; done
    for ((number = 0; number < created; number++)); do printf 'new\n' >"$tree/d$number/new"; done
}

# Prints a hash of the files that change_some changes.
scale_state() {
    state "$workspace/tree" d0 d1 d2 d3 d4 d5 d6 d7 d8 d9
    head -c 1MB -- "$workspace/file" | sha256sum
}
