# shellcheck shell=bash
# Functions that the workloads scale, restore, edit and tools of scripts/bench share: trees, commands
# to control files, states to compare, and tables. These workloads compare draftfs with its own costs
# elsewhere, or with other ways to the same result, so they have their own tables and samples. A
# caller of these functions has the local variables $samples, $round and $system (the table's column).
# shellcheck disable=SC2154 # set by scripts/bench

# make_tree DIR DIRECTORIES FILES: makes text files of 2 KiB, the same number in each directory.
make_tree() {
    local directory
    for ((directory = 0; directory < $2; directory++)); do
        mkdir -p -- "$1/d$directory"
        # A file has 16 lines of 128 bytes: 2032 digits and 16 newlines, from 1524 bytes.
        head -c $(($3 * 1524)) /dev/urandom | base64 -w 127 |
            split -b 2048 -a 4 -d - "$1/d$directory/file"
    done
}

# free_megabytes: prints how many MB can still be written below $work.
free_megabytes() { df --output=avail -B1000000 -- "$work" | tail -n 1 | tr -dc 0-9; }

# make_large FILE MEGABYTES: makes a file of random bytes, or a hole if the data would leave less than
# 5 GB free. Sets $large_kind to the kind.
make_large() {
    if (($(free_megabytes) >= $2 + 5000)); then
        head -c "${2}MB" /dev/urandom >"$1"
        large_kind='random bytes'
    else
        truncate -s "${2}MB" -- "$1"
        large_kind='a hole: the disk has no room for data'
    fi
}

# ensure_large: makes $work/large, a base with the large file and the small tree. Two workloads use
# it.
ensure_large() {
    if [[ -e $work/large/file ]]; then return; fi
    note "preparing a file of $large MB"
    make_tree "$work/large/tree" $((few / 100)) 100
    make_large "$work/large/file" "$large"
    sync
}

# grouped NUMBER: prints 100000 as 100,000.
grouped() { sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"; }

# sized MEGABYTES: prints 10000 as 10 GB.
sized() { if (($1 % 1000 == 0)); then echo "$(($1 / 1000)) GB"; else echo "$1 MB"; fi; }

# begin BASE [OPTION...]: mounts a fresh store over BASE.
begin() {
    upper=$work/run/upper view=$work/run/view
    mkdir -p -- "$upper" "$view"
    measure_others
    mount_draftfs "$@" || die "draftfs cannot be mounted over $1"
}

# write_command WORKSPACE FILE TEXT: writes TEXT to a control file; prints the error if that fails.
write_command() {
    if printf '%s\n' "$3" >"$1/.draft/$2"; then return 0; fi
    cat -- "$1/.draft/last-error" >&2
    return 1
}

# tell NAME WORKSPACE FILE TEXT: writes TEXT to a control file and samples the seconds. It starts no
# process, so that only draftfs is measured.
tell() { timed "$1" write_command "${@:2}"; }

# state DIR NAME...: prints one hash of all names, contents, modes and modification times below NAMEs.
state() { bounded tar -c --sort=name -C "$@" | sha256sum; }

# operating_table TITLE UNIT COLUMNS RATIOS: prints the medians of $samples; UNIT is s or ms. COLUMNS
# are names of systems. RATIOS are pairs of column numbers, each with a heading: "2/1 cp ÷ draftfs".
# Both lists are separated by "|".
operating_table() {
    medians | awk -F '\t' -v title="$1" -v unit="$2" -v columns="$3" -v ratios="$4" '
        function figure(s) {
            if (unit == "ms") return sprintf(s < 0.01 ? "%.2f" : "%.1f", s * 1000)
            return sprintf(s < 0.1 ? "%.4f" : "%.2f", s)
        }
        function bytes(n) {
            return n < 100000 ? sprintf("%d B", n) : sprintf("%.1f MB", n / 1000000)
        }
        function ratio(a, b,    r) {
            if (!(a > 0 && b > 0)) return ""
            r = a / b
            return sprintf(r < 0.1 ? "%.4f" : r < 10 ? "%.2f" : "%.0f", r)
        }
        $1 != "others" {
            if (!($1 in seen)) { seen[$1]; rows[++count] = $1 }
            median[$1, $2] = $3
        }
        END {
            n = split(columns, name, "|"); pairs = split(ratios, pair, "|")
            line = "| " title " |"; rule = "|---|"
            for (c = 1; c <= n; c++) { line = line " " name[c] " |"; rule = rule "--:|" }
            for (p = 1; p <= pairs; p++) {
                heading = pair[p]; sub(/^[^ ]* /, "", heading)
                line = line " " heading " |"; rule = rule "--:|"
            }
            print line; print rule
            for (r = 1; r <= count; r++) {
                text = rows[r]; stored = sub(/^(store|memory):/, "", text)
                line = "| " text " |"
                for (c = 1; c <= n; c++) {
                    key = rows[r] SUBSEP name[c]
                    cell = !(key in median) ? "" : stored ? bytes(median[key]) \
                        : figure(median[key])
                    line = line " " cell " |"
                }
                for (p = 1; p <= pairs; p++) {
                    split(pair[p], side, "[/ ]")
                    line = line " " ratio(median[rows[r], name[side[1]]], \
                        median[rows[r], name[side[2]]]) " |"
                }
                print line
            }
            print ""
        }'
}

# paragraph TEXT...: prints TEXT and an empty line.
paragraph() { printf '%s\n\n' "$*"; }

keep_raw() { if [[ -n $raw ]]; then cat -- "$samples" >>"$raw"; fi; }
