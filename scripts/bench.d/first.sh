# shellcheck shell=bash
# The first edit of a base file. Small files: their base bytes are kept in the store's pool (limit
# pin); compared with draftfs without the pool and with kernel overlayfs, which copies the file. One
# file above the limit large-file: an automatic backup precedes its edit.
# shellcheck disable=SC2154,SC2034 # set by scripts/bench, and used by what is called here

first_systems=('no pool' draftfs overlayfs)

workload_first() {
    local samples=$work/first.samples system round turn base=$work/first
    note "preparing $few files of 10 KB and one of $big MB"
    mkdir -- "$base" "$base/small"
    head -c $((few * 10000)) /dev/urandom |
        split -b 10000 -a 5 -d - "$base/small/file"
    head -c "${big}M" /dev/urandom >"$base/big"
    sync
    ((EUID == 0)) || first_systems=('no pool' draftfs)
    : >"$samples"
    for ((round = 1; round <= runs; round++)); do
        for ((turn = 0; turn < ${#first_systems[@]}; turn++)); do
            system=${first_systems[(turn + round - 1) % ${#first_systems[@]}]}
            note "first edits, round $round of $runs: $system"
            first_over "$base"
        done
    done
    warn_of_others
    paragraph "One byte of each of $(grouped "$few") base files of 10 KB, and of one of $big MB," \
        "each for the first time in a workspace. Medians of $runs rounds, in milliseconds for all."
    operating_table milliseconds ms 'no pool|draftfs|overlayfs' \
        '2/1 draftfs ÷ no pool|2/3 draftfs ÷ overlayfs'
    keep_raw
}

# first_over BASE: measures $system over BASE.
first_over() {
    case $system in
    overlayfs)
        upper=$work/run/upper view=$work/run/view
        mkdir -p -- "$upper" "$work/run/work" "$view"
        measure_others
        mount -t overlay -o "lowerdir=$1,upperdir=$upper,workdir=$work/run/work" overlay "$view"
        ;;
    *)
        begin "$1" --workspace bench
        if [[ $system == 'no pool' ]]; then write_command "$view" limits 'pin 0'; fi
        ;;
    esac
    walk_attributes "$view" >/dev/null
    timed 'small files' first_bytes "$view"/small/*
    timed 'the large file' first_bytes "$view/big"
    if [[ $system == overlayfs ]]; then tear_down overlayfs; else tear_down draftfs; fi
}

# first_bytes FILE...: edits all files in one process, so that only the file system is measured.
first_bytes() {
    bounded perl -e '
        for (@ARGV) {
            open my $file, "+<", $_ or die "$_: $!\n";
            syswrite($file, "X") == 1 or die "$_: $!\n";
            close $file or die "$_: $!\n";
        }' -- "$@"
}
