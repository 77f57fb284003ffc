# shellcheck shell=bash
# Edits of a large file. A line is inserted at its start through .draft/edit, compared with rewriting
# a (smaller) file on the plain file system. One byte is replaced.
# shellcheck disable=SC2154,SC2034 # set by scripts/bench, and used by what is called here

large_line='a line at the start'

workload_edit10g() {
    local samples=$work/large.samples system round large_kind
    ensure_large
    : >"$samples"
    for ((round = 1; round <= runs; round++)); do
        note "edit10g, round $round of $runs"
        system="$plain_name, $(sized "$rewritten")"
        edit_plain
        system="draftfs, $(sized "$large")"
        edit_draftfs
    done
    warn_of_others
    paragraph "A file of $(sized "$large") ($large_kind) in draftfs, one of" \
        "$(sized "$rewritten") on $plain_name. Medians of $runs rounds."
    operating_table seconds s "draftfs, $(sized "$large")|$plain_name, $(sized "$rewritten")" \
        "2/1 $plain_name ÷ draftfs"
    keep_raw
}

edit_draftfs() {
    local stored middle=$((large * 500000))
    begin "$work/large" --workspace bench
    head -c 64M -- "$view/file" >/dev/null
    sync
    stored=$(stored_bytes)
    timed 'insert a line at the start (sed -i)' write_command "$view" edit \
        '{"path": "file", "edits": [{"at": 0, "insert": "'"$large_line"'\n"}]}'
    growth 'growth by the line' "$stored"
    same_behind $((${#large_line} + 1))
    stored=$(stored_bytes)
    timed 'replace a byte in the middle (dd)' write_command "$view" edit \
        '{"path": "file", "edits": [{"at": '"$middle"', "delete": 1, "insert": "X"}]}'
    growth 'growth by the byte' "$stored"
    [[ $(tail -c +$((middle + 1)) -- "$view/file" | head -c 1) == X ]] ||
        die "the byte is not there"
    tear_down draftfs
}

# same_behind COUNT: checks that the file is the line followed by the base file, at both ends.
same_behind() {
    local end=$((large * 1000000 - 64000000))
    [[ $(head -n 1 -- "$view/file") == "$large_line" ]] || die "the line is not there"
    (($(stat -c %s -- "$view/file") == large * 1000000 + $1)) || die "the size is wrong"
    bounded cmp -n 64MB -i "$1:0" -- "$view/file" "$work/large/file" &&
        bounded cmp -n 64MB -i "$((end + $1)):$end" -- "$view/file" "$work/large/file" ||
        die "the data after the line is wrong"
}

edit_plain() {
    upper=$work/run view=$work/run/plain
    mkdir -p -- "$view"
    head -c "${rewritten}MB" -- "$work/large/file" >"$view/file"
    cat -- "$view/file" >/dev/null
    sync
    warm_memory $((2 * rewritten))
    timed 'insert a line at the start (sed -i)' bounded sed -i "1i $large_line" \
        "$view/file"
    sync
    timed 'the same by cat and mv' insert_by_cat
    sync
    timed 'replace a byte in the middle (dd)' replace_byte
    tear_down plain
}

insert_by_cat() {
    { printf '%s\n' "$large_line" && bounded cat -- "$view/file"; } >"$view/new" &&
        mv -- "$view/new" "$view/file"
}

replace_byte() {
    printf X | bounded dd of="$view/file" bs=1 seek=$((rewritten * 500000)) conv=notrunc status=none
}
