# shellcheck shell=bash
# The systems that scripts/bench compares: how each is set up over $work/base and taken down. After
# set_up, $view is the directory to work in and $upper is the directory that receives the written
# data. All of it is below $work, so that the caller's trap can remove it.

# shellcheck disable=SC2154 # set by scripts/bench
skipped=()

# choose_systems: removes the systems that cannot run here, and keeps the reasons for the report.
choose_systems() {
    local wanted=("${systems[@]}") system reason
    systems=()
    for system in "${wanted[@]}"; do
        reason=$(why_not "$system")
        if [[ -z $reason ]]; then systems+=("$system"); else skipped+=("$system: $reason"); fi
    done
    ((${#systems[@]} > 0)) || die "nothing to compare: ${skipped[*]}"
}

# why_not SYSTEM: prints a reason if the system cannot run.
why_not() {
    case $1 in
    plain) return ;;
    overlayfs) ((EUID == 0)) || { echo "mounting it needs root" && return; } ;;
    fuse-overlayfs)
        if ! command -v fuse-overlayfs >/dev/null && ! (need fuse-overlayfs fuse3); then
            echo "not installed"
            return
        fi
        ;;
    draftfs)
        if ! draftfs_binary=$(find_binary); then
            echo "no binary at ${DRAFTFS_BINARY:-.build/release/draftfs}; build it with" \
                "swift build -c release --product draftfs --static-swift-stdlib"
            return
        elif ! "$draftfs_binary" mount --help >/dev/null 2>&1; then
            echo "this binary has no mount command"
            return
        fi
        ;;
    esac
    probe "$1"
}

# probe SYSTEM: mounts the system, and makes and removes one file in it.
probe() {
    local output
    mkdir -p -- "$work/base" "$work/probe"
    if ! output=$( (set_up "$1" && : >"$view/probe" && rm -- "$view/probe") 2>&1); then
        echo "does not work below $parent: ${output//$'\n'/; }"
    fi
    unmount_under "$work" >/dev/null 2>&1 || true
    await_daemons
    rm -rf --one-file-system -- "$work/probe" "$work/run"
}

# mount_draftfs BASE [OPTION...]: mounts BASE at $view, with the store in $upper.
mount_draftfs() {
    draftfs_binary=${draftfs_binary:-$(find_binary)}
    quietly timeout 60 "$draftfs_binary" mount "$1" "$view" --store "$upper" "${@:2}"
}

# await_daemons: waits until the daemons are gone, because only then may the store be removed.
await_daemons() {
    local try
    for ((try = 0; try < 300; try++)); do
        if [[ -z $(daemons_of "$work/run") ]]; then return 0; fi
        sleep 0.1
    done
    die "a daemon does not end: $(daemons_of "$work/run")"
}

set_up() {
    local options
    upper=$work/run/upper view=$work/run/view
    mkdir -p -- "$upper" "$work/run/work" "$view"
    options=lowerdir=$work/base,upperdir=$upper,workdir=$work/run/work
    case $1 in
    plain)
        view=$upper
        cp -a -- "$work/base/." "$view/"
        ;;
    overlayfs) mount -t overlay -o "$options" overlay "$view" ;;
    fuse-overlayfs) quietly timeout 60 fuse-overlayfs -o "$options" "$view" ;;
    draftfs) mount_draftfs "$work/base" --workspace bench ;;
    esac || return
    [[ $1 == plain ]] || mountpoint -q -- "$view" || { say "$1 mounted nothing" && return 1; }
}

tear_down() {
    case $1 in
    draftfs)
        timeout 120 "$draftfs_binary" unmount "$view" ||
            die "draftfs unmount failed for $view"
        await_daemons
        ;;
    overlayfs | fuse-overlayfs) timeout 120 umount -- "$view" || fusermount3 -u -- "$view" ;;
    esac
    [[ -z $(mounts_under "$work") ]] || die "$1 is still mounted"
    rm -rf --one-file-system -- "$work/run"
    sync -f "$work"
}

# drop_caches WHAT: drops caches: 2 names and inodes, 3 also file contents; returns 1 if not
# permitted.
drop_caches() {
    sync
    ((EUID == 0)) && { echo "$1" >/proc/sys/vm/drop_caches; } 2>/dev/null
}
