# shellcheck shell=bash
# The workloads of scripts/bench. Each runs in $view and adds samples for $round and $system: seconds,
# or bytes if the name starts with "store:" or "memory:". Untimed syncs between them keep the dirty
# pages of one workload from slowing the next. Each command has a time limit.
# shellcheck disable=SC2154 # set by scripts/bench

warm_repeats=5

# prepare_data: makes the base tree (text files of 2 KiB, one big file of random bytes) and a tar
# archive of the same text files.
prepare_data() {
    make_tree "$work/base/tree" "$directories" "$files"
    head -c "${big}M" /dev/urandom >"$work/base/big"
    tar -cf "$work/files.tar" -C "$work/base/tree" .
    sync
}

sample() { printf '%s\t%s\t%s\t%s\n' "$round" "$system" "$1" "$2" >>"$samples"; }

# timed NAME CMD...: runs a command and samples its duration in seconds.
timed() {
    local name=$1 start end
    shift
    start=${EPOCHREALTIME/./}
    "$@" || die "$name failed on $system: $*"
    end=${EPOCHREALTIME/./}
    sample "$name" "$(in_seconds $((end - start)))"
}

# in_seconds MICROSECONDS: prints them as seconds.
in_seconds() { printf '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000)); }

# timed_warm NAME CMD...: runs a command once untimed, then takes several samples.
timed_warm() {
    local name=$1
    shift
    "$@" || die "$name failed on $system: $*"
    for ((repeat = 0; repeat < warm_repeats; repeat++)); do timed "$name" "$@"; done
}

bounded() { timeout -k 10 900 "$@"; }

# warm_memory MIB: makes the kernel allocate and free page cache before a command that fills it. In a
# virtual machine that returns free memory to its host, the first access to a page costs more than the
# write itself, for whichever system comes first. The data written here never reaches the disk.
warm_memory() {
    local most
    most=$(awk '/^MemAvailable/ { print int($2 / 2048) }' /proc/meminfo)
    bounded dd if=/dev/zero of="$work/warm" bs=1M count=$(($1 < most ? $1 : most)) status=none
    rm -- "$work/warm"
}

walk() { bounded find "$1" >/dev/null; }
walk_attributes() { bounded find "$1" -size +1M; }
# No file contains this text, so that grep reads all files to the end and returns 1. (If its output
# were /dev/null, grep would stop at the first match.)
search() { bounded grep -r 'no such text here' "$1" || (($? == 1)); }
extract() { bounded tar -xf "$work/files.tar" -C "$view/new"; }
remove() { bounded rm -r -- "$view/new"; }
edit() {
    printf X |
        bounded dd of="$view/big" bs=1 seek=$((big * 500000)) conv=notrunc status=none
}
copy() { bounded cp -- "$view/big" "$view/big2"; }
write_out() {
    bounded dd if=/dev/zero of="$view/sequential" bs=1M count="$sequential" status=none
}
flush() { bounded sync -- "$view/sequential"; }
read_back() { bounded dd if="$view/sequential" of=/dev/null bs=1M status=none; }

stored_bytes() { du -sb -- "$upper" | cut -f 1; }

# growth NAME BEFORE: samples the growth of $upper (on the plain directory that is the copy).
growth() {
    sync -f "$work"
    sample "store:$1" $(($(stored_bytes) - $2))
}

# Reads a tree that has no changes.
workload_base() {
    local before
    sync
    before=$(stored_bytes)
    if drop_caches 2; then timed 'find, base, cold names' walk "$view/tree"; fi
    timed_warm 'find, base, warm' walk "$view/tree"
    if drop_caches 3; then timed 'grep -r, base, cold' search "$view/tree"; fi
    timed_warm 'grep -r, base, warm' search "$view/tree"
    growth 'find and grep -r of the base' "$before"
}

# The tree for find and grep must exist even if untar is not selected.
ensure_extracted() {
    if [[ ! -e $view/new ]]; then
        mkdir -- "$view/new"
        extract || die "untar failed on $system"
    fi
}

workload_untar() {
    cat -- "$work/files.tar" >/dev/null
    mkdir -- "$view/new"
    sync
    warm_memory 256
    timed 'untar' extract
    (($(find "$view/new" -type f | wc -l) == directories * files)) ||
        die "untar lost files on $system"
}

workload_find() {
    ensure_extracted
    timed_warm 'find, warm' walk "$view/new"
    timed_warm 'find -size, warm' walk_attributes "$view/new"
}

workload_grep() {
    ensure_extracted
    timed_warm 'grep -r, warm' search "$view/new"
}

# Runs twice: with files that have reached the disk, whose blocks must be freed there too, and with
# new files, most of whose blocks were never allocated (the plain directory is much faster then).
workload_rm() {
    ensure_extracted
    sync
    timed 'rm -r, after sync' remove
    sync
    ensure_extracted
    timed 'rm -r' remove
}

# Reads the big file first, so that the edit is measured and not the disk.
warm_big() {
    cat -- "$view/big" >/dev/null
    sync
    warm_memory $((2 * big))
}

workload_edit() {
    local before
    warm_big
    before=$(stored_bytes)
    timed "1-byte edit of $big MB" edit
    growth "1-byte edit of $big MB" "$before"
    [[ $(tail -c +$((big * 500000 + 1)) -- "$view/big" | head -c 1) == X ]] ||
        die "the edit is not there on $system"
}

workload_cp() {
    local before
    warm_big
    before=$(stored_bytes)
    timed "cp of $big MB" copy
    growth "cp of $big MB" "$before"
    bounded cmp -- "$view/big" "$view/big2" || die "the copy differs on $system"
    rm -- "$view/big2"
}

workload_seq() {
    local start
    sync
    warm_memory $((2 * sequential))
    start=${EPOCHREALTIME/./}
    timed "write $sequential MiB" write_out
    flush
    sample "write $sequential MiB and fsync" "$(in_seconds $((${EPOCHREALTIME/./} - start)))"
    if drop_caches 3; then timed "read $sequential MiB, cold" read_back; fi
    timed_warm "read $sequential MiB, warm" read_back
    rm -- "$view/sequential"
}

# Samples the daemon's memory at the end of the round, and its peak.
measure_memory() {
    local process line
    for process in $(daemons_of "$view"); do
        while read -r line; do
            case $line in
            VmRSS:*) sample 'memory:at the end' $(($(tr -dc 0-9 <<<"$line") * 1024)) ;;
            VmHWM:*) sample 'memory:most' $(($(tr -dc 0-9 <<<"$line") * 1024)) ;;
            esac
        done <"/proc/$process/status"
    done
}

# Samples how busy other processes keep the processors while the script is idle, in percent.
measure_others() {
    local before after
    before=$(head -n 1 /proc/stat)
    sleep 0.5
    after=$(head -n 1 /proc/stat)
    sample 'others' "$(awk '
        { busy = $2 + $3 + $4 + $7 + $8 + $9; all = busy + $5 + $6 }
        NR == 1 { busy0 = busy; all0 = all }
        END { print(all > all0 ? int(100 * (busy - busy0) / (all - all0)) : 0) }
        ' <<<"$before"$'\n'"$after")"
}
