# shellcheck shell=bash
# Measures the tools of agents on a mount, through `draftfs mcp` as a client starts it: edits of each
# kind of a large text and of a larger one with holes, reading it back in pieces, and a copy of many
# files. The copy is compared with cp -a and with the copy tool of MassGen, if scripts/test --massgen
# has installed it. scripts/bench.d/tools.py is the client and checks the results.
# shellcheck disable=SC2154,SC2034 # set by scripts/bench, and used by what is called here

tools_program=$root/scripts/bench.d/tools.py
tools_line_bytes=26

workload_tools() {
    local samples=$work/tools.samples system round massgen=''
    local text sparse base=$work/tools
    need python3 patch
    text="$(sized "$big")" sparse="$(sized "$large") with holes"
    find_massgen
    prepare_tools
    : >"$samples"
    for ((round = 1; round <= runs; round++)); do
        note "tools, round $round of $runs: edits"
        system=$text tools_edit
        # These take minutes: they search the whole file and make tens of thousands of calls.
        if ((round == 1)); then
            system=$sparse tools_edit_sparse
            system=$text tools_read
        fi
    done
    warn_of_others
    paragraph "Edits by \`draftfs mcp\`, one call each, of a text of $(sized "$big") (medians of $runs" \
        "rounds) and of one of $(sized "$large") with holes (one round, as the reading). In the first round" \
        "the results were those of sed and patch on a plain copy."
    operating_table milliseconds ms "$text|$sparse" ''
    keep_raw
    samples=$work/tools-copy.samples
    : >"$samples"
    for ((round = 1; round <= runs; round++)); do
        note "tools, round $round of $runs: copies"
        tools_copy
    done
    warn_of_others
    paragraph "A copy of $(grouped $((directories * files))) files of 2 KiB within a workspace; medians of" \
        "$runs rounds."
    operating_table seconds s "copy_files|cp -a|MassGen" \
        '2/1 cp -a ÷ copy_files|3/1 MassGen ÷ copy_files'
    keep_raw
}

# Sets $massgen to the directory of a Python with MassGen, or leaves it empty.
find_massgen() {
    local home=${DRAFTFS_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/draftfs-test}/massgen-0.1.97
    if [[ -x $home/ready ]]; then massgen=$home/bin; else say "no MassGen: its copy is left out"; fi
}

prepare_tools() {
    note "preparing a text of $big MB, one of $large MB with holes, and files"
    make_tree "$base/tree" "$directories" "$files"
    bounded python3 "$tools_program" text "$base/text" $((big * 1000000))
    bounded python3 "$tools_program" mixed "$base/mixed" $((big * 1000000))
    bounded python3 "$tools_program" sparse "$base/sparse" $((large * 1000000))
    sync
}

# client WORDS...: runs tools.py and samples its output.
client() {
    local name value output
    output=$(timeout -k 10 3600 python3 "$tools_program" "$@") || die "$1 failed"
    while IFS=$'\t' read -r name value; do sample "$name" "$value"; done <<<"$output"
}

tools_edit() {
    local stored plain=''
    begin "$base" --workspace bench
    if ((round == 1)); then
        plain=$work/plain
        cp -- "$base/text" "$plain"
    fi
    stored=$(stored_bytes)
    client edits "$draftfs_binary" "$view" text $((big * 1000000 / tools_line_bytes)) ${plain:+"$plain"}
    growth 'growth by the ten edits' "$stored"
    rm -f -- "$work/plain"
    tear_down draftfs
}

tools_edit_sparse() {
    local stored
    begin "$base" --workspace bench
    stored=$(stored_bytes)
    client sparse-edits "$draftfs_binary" "$view" sparse
    growth 'growth by the ten edits' "$stored"
    tear_down draftfs
}

tools_read() {
    begin "$base" --workspace bench
    client pieces "$draftfs_binary" "$view" mixed "$base/mixed"
    tear_down draftfs
}

# All three run in a fresh workspace whose files have been read. The first one changes with the round.
tools_copy() {
    local turn system=draftfs
    begin "$base" --workspace bench
    search "$view/tree" >/dev/null
    for ((turn = 0; turn < 3; turn++)); do
        case $(((turn + round) % 3)) in
        0) system='copy_files' tools_copy_by copied tools_copy_draftfs ;;
        1) system='cp -a' tools_copy_by plain timed 'a copy' cp -a -- "$view/tree" "$view/plain" ;;
        2) if [[ -n $massgen ]]; then system=MassGen tools_copy_by massgen tools_copy_massgen; fi ;;
        esac
    done
    [[ $(state "$view/copied" .) == $(state "$view/tree" .) ]] ||
        die "copy_files made another tree"
    tear_down draftfs
}

# tools_copy_by NAME CMD...: runs CMD and checks that NAME is the same tree.
tools_copy_by() {
    local stored
    sync
    stored=$(stored_bytes)
    "${@:2}"
    growth 'growth by it' "$stored"
    bounded diff -r -- "$base/tree" "$view/$1" >&2 || die "$system made another tree"
}

tools_copy_draftfs() {
    client copy "$view" tree copied copy_files "$draftfs_binary" mcp "$view"
}

# Starts MassGen's server in the way MassGen does.
tools_copy_massgen() {
    local server
    server=$(HOME=$work "$massgen/python" -c '
import massgen.filesystem_manager._workspace_tools_server as server
print(server.__file__)' 2>/dev/null | tail -n 1)
    mkdir -- "$view/massgen"
    HOME=$work FASTMCP_SHOW_CLI_BANNER=false client copy "$view" tree massgen copy_files_batch \
        "$massgen/fastmcp" run "$server:create_server" -- --allowed-paths "$view"
}
