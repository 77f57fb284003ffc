# shellcheck shell=bash
# The report of scripts/bench: the host, tables of medians with ratios, and the goals of draftfs.
# shellcheck disable=SC2154 # set by scripts/bench

print_host() {
    local model memory
    model=$(awk -F ': *' '/^model name/ { print $2; exit }' /proc/cpuinfo)
    memory=$(awk '/^MemTotal/ { printf "%.1f GiB", $2 / 1048576 }' /proc/meminfo)
    plain_name=$(stat -f -c %T -- "$work")
    plain_name=$(awk -v name="$plain_name" -v device="$(stat -c %d -- "$work")" '
        { split($3, number, ":"); if (number[1] * 256 + number[2] == device) type = $0 }
        END { sub(/.* - /, "", type); split(type, part, " "); print part[1] ? part[1] : name }
        ' /proc/self/mountinfo)
    printf '%s\n' "- kernel $(uname -r), $(nproc) cores (${model:-unknown}), $memory"
    printf '%s\n' "- file system: $plain_name"
    if command -v fuse-overlayfs >/dev/null; then
        printf '%s\n' "- $(fuse-overlayfs --version 2>/dev/null | grep -m 1 overlayfs)"
    fi
    local caches='not dropped (needs root)'
    if drop_caches 2; then caches='dropped before cold reads'; fi
    printf '%s\n' "- caches $caches"
    local reason
    for reason in "${skipped[@]}"; do printf '%s\n' "- skipped: $reason"; done
    printf '\n'
}

# medians: prints one line for each workload and system, in order of first appearance in the samples.
medians() {
    awk -F '\t' '
        { key = $3 "\t" $2; if (!(key in count)) order[++keys] = key
          value[key, ++count[key]] = $4 + 0 }
        END {
            for (k = 1; k <= keys; k++) {
                key = order[k]; n = count[key]
                for (i = 2; i <= n; i++) { # insertion sort
                    v = value[key, i]
                    for (j = i - 1; j > 0 && value[key, j] > v; j--)
                        value[key, j + 1] = value[key, j]
                    value[key, j + 1] = v
                }
                middle = int((n + 1) / 2)
                median = (value[key, middle] + value[key, n - middle + 1]) / 2
                printf "%s\t%.6f\t%.6f\t%.6f\n", key, median, value[key, 1], value[key, n]
            }
        }' "$samples"
}

# table KIND: prints a table; KIND is seconds, store or memory.
table() {
    medians | awk -F '\t' -v kind="$1" -v plain="$plain_name" '
        function bytes(n) {
            if (n >= 1048576) return sprintf("%.1f MiB", n / 1048576)
            if (n >= 1024) return sprintf("%.1f KiB", n / 1024)
            return sprintf("%d B", n)
        }
        function seconds(s) { return s < 0.1 ? sprintf("%.4f", s) : sprintf("%.3f", s) }
        function ratio(a, b) { return a > 0 && b > 0 ? sprintf("%.2f", a / b) : "" }
        BEGIN { split("plain overlayfs fuse-overlayfs draftfs", systems, " ") }
        {
            name = $1
            if (name == "others") next
            prefix = name ~ /^store:/ ? "store" : name ~ /^memory:/ ? "memory" : "seconds"
            if (prefix != kind) next
            sub(/^(store|memory):/, "", name)
            if (!(name in seen)) { seen[name]; names[++count] = name }
            median[name, $2] = $3; low[name, $2] = $4; high[name, $2] = $5; there[$2]
        }
        END {
            if (!count) exit
            title = kind == "store" ? "growth of the upper directory or store" \
                  : kind == "memory" ? "resident memory of the daemon" : "seconds"
            line = "| " title " |"; rule = "|---|"
            for (s = 1; s <= 4; s++) if (systems[s] in there) {
                shown[++columns] = systems[s]
                line = line " " (systems[s] == "plain" ? plain : systems[s]) " |"
                rule = rule "--:|"
            }
            if (kind == "seconds") for (s = 1; s <= columns; s++) {
                if (shown[s] != "plain" && "plain" in there) {
                    line = line " " shown[s] " ÷ " plain " |"; rule = rule "--:|"
                }
                if (shown[s] ~ /fuse|draft/ && "overlayfs" in there) {
                    line = line " " shown[s] " ÷ overlayfs |"; rule = rule "--:|"
                }
            }
            print line; print rule
            for (n = 1; n <= count; n++) {
                name = names[n]; line = "| " name " |"
                for (s = 1; s <= columns; s++) {
                    cell = ""
                    if ((name, shown[s]) in median)
                        cell = kind == "seconds" ? seconds(median[name, shown[s]]) \
                                                 : bytes(median[name, shown[s]])
                    line = line " " cell " |"
                }
                if (kind == "seconds") for (s = 1; s <= columns; s++) {
                    own = median[name, shown[s]]
                    if (shown[s] != "plain" && "plain" in there)
                        line = line " " ratio(own, median[name, "plain"]) " |"
                    if (shown[s] ~ /fuse|draft/ && "overlayfs" in there)
                        line = line " " ratio(own, median[name, "overlayfs"]) " |"
                }
                print line
            }
            print ""
        }'
}

# goals: prints the goals of draftfs and whether they are met.
goals() {
    medians | awk -F '\t' -v plain="$plain_name" '
        { median[$1, $2] = $3; if ($1 ~ /^1-byte/) edit = $1; if ($1 ~ /^cp of/) copy = $1 }
        function goal(name, other, most, text,    a, b) {
            a = median[name, "draftfs"]; b = median[name, other]
            if (name == "" || !a || !b) return
            printf "- %s: %s, %s (%.2f)\n", name, text, a / b <= most ? "met" : "missed", a / b
        }
        function small(name, most, text,    key) {
            key = "store:" name
            if (!((key, "draftfs") in median)) return
            printf "- %s: %s, %s (%d bytes)\n", name, text, \
                median[key, "draftfs"] < most ? "met" : "missed", median[key, "draftfs"]
        }
        END {
            goal("untar", "overlayfs", 1, "no slower than overlayfs")
            goal("rm -r", "overlayfs", 1, "no slower than overlayfs")
            goal("find, warm", "plain", 1.5, "within 1.5 times " plain)
            goal("grep -r, warm", "plain", 1.5, "within 1.5 times " plain)
            goal(edit, "overlayfs", 0.05, "20 times faster than overlayfs")
            goal(copy, "overlayfs", 0.05, "20 times faster than overlayfs")
            small(edit, 16384, "the store grows by less than 16 KiB")
            small(copy, 65536, "the store grows by less than 64 KiB")
        }'
}

# Prints a warning if the machine was busy, because the figures are not reliable then.
warn_of_others() {
    awk -F '\t' '
        $3 == "others" { count++; if ($4 > 20) { busy++; if ($4 > most) most = $4 } }
        END {
            if (busy) printf "**Do not trust these figures:** other processes kept the " \
                "processors up to %d %% busy, at %d of %d looks.\n\n", most, busy, count
        }' "$samples"
}

print_report() {
    warn_of_others
    table seconds
    table store
    table memory
    goals
}
