# shellcheck shell=bash
# What each request of the kernel costs the daemon: allocations, locks, system calls, instructions. They
# are counted by stepping through the daemon's own code, so they do not depend on what else runs, and are
# a guard: limits are in Tests/Costs/Program/CostLimits.swift.
# shellcheck disable=SC2154 # set by scripts/bench

costs_binary=$root/.build/release/draftfs-costs

workload_costs() {
    local status=0
    [[ $(uname -m) == x86_64 ]] || die "costs are counted on x86-64 only"
    need_swift
    need "${build_packages[@]}"
    note "building draftfs-costs (release)"
    quietly swift build --package-path "$root" -c release --product draftfs-costs \
        --static-swift-stdlib || die "the release build failed (see above)"
    mkdir -- "$work/costs"
    if [[ -n $costs_where ]]; then
        run_costs --where "$costs_where" >"$work/costs.events" || die "costs failed"
        python3 "$root/scripts/bench.d/costs.py" "$(symbolizer)" "$costs_binary" "$root" <"$work/costs.events"
        return
    fi
    note "counting; that takes a minute or two"
    printf '%s\n\n' "For one request, in a mount that lists workspaces; medians of up to 5."
    run_costs ${costs_strict:+--strict} || status=$?
    printf '\n'
    ((status == 0)) || die "a request costs more than its limit"
}

# The same tables of the same sizes each time.
run_costs() { SWIFT_DETERMINISTIC_HASHING=1 bounded "$costs_binary" "$work/costs" "$@"; }

# That of the Swift toolchain is there wherever it can build.
symbolizer() {
    local beside
    beside=$(dirname -- "$(realpath -- "$(command -v swift)")")/llvm-symbolizer
    if [[ -x $beside ]]; then printf '%s\n' "$beside"; else command -v llvm-symbolizer; fi
}
