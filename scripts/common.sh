# shellcheck shell=bash
# Functions that the scripts share; this file is sourced, never run. It has the repository root, and
# functions that install packages, build the release binary, and list and undo mounts below a
# directory. Only enter_root changes the caller's working directory.

export LC_ALL=C # numbers with a point, messages that can be searched

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

# The packages that a build or a mount needs.
# shellcheck disable=SC2034
build_packages=(libfuse3-dev fuse3 libsqlite3-dev libxxhash-dev libpcre2-dev pkg-config)

# say TEXT: prints a line on stderr.
say() { printf '%s\n' "${0##*/}: $*" >&2; }

# note TEXT: prints progress, only on a terminal.
note() { if [[ -t 2 ]]; then say "$@"; fi; }

# die TEXT: prints a line on stderr, then exits with status 1.
die() {
    say "$@"
    exit 1
}

# Prints the header comment of a script, from its second line to the first line that is no comment.
usage() {
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"
}

enter_root() { cd -- "$root" || exit; }

# as_root CMD...: runs a command as root, directly or through sudo (which may ask only on a terminal).
as_root() {
    if ((EUID == 0)); then
        "$@"
    elif ! command -v sudo >/dev/null; then
        say "needs root for: $*; run it as root, or install sudo"
        return 1
    elif [[ -t 0 && -z ${CI:-} ]]; then
        sudo -- "$@"
    else
        sudo -n -- "$@"
    fi
}

# quietly CMD...: runs a command and shows its output only if it fails.
quietly() {
    local output status=0
    output=$(mktemp)
    "$@" >"$output" 2>&1 </dev/null || status=$?
    if ((status != 0)); then cat -- "$output" >&2; fi
    rm -f -- "$output"
    return "$status"
}

missing_packages() {
    local package
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            printf '%s\n' "$package"
    done
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
        install -y -q --no-install-recommends "$@"
}

apt_update() { as_root apt-get -o DPkg::Lock::Timeout=300 update -q; }

# need PKG...: installs the packages that are missing. The package lists are fetched only if apt
# cannot install with its present lists (none on a fresh machine, or out of date).
need() {
    local missing
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        die "this system has no apt; install equivalents of these Debian packages, and build with" \
            "swift build: $*"
    fi
    mapfile -t missing < <(missing_packages "$@")
    if ((${#missing[@]} == 0)); then return 0; fi
    if ((EUID != 0)) && ! command -v sudo >/dev/null; then
        die "missing packages; run as root: apt-get install ${missing[*]}"
    fi
    note "installing ${missing[*]}"
    if as_root true && apt_install "${missing[@]}" >/dev/null 2>&1 </dev/null; then return 0; fi
    if quietly apt_update && quietly apt_install "${missing[@]}"; then return 0; fi
    die "could not install: ${missing[*]} (see above); try: apt-get install ${missing[*]}"
}

need_swift() {
    command -v swift >/dev/null ||
        die "swift is not on PATH; install the Swift toolchain (6.2 or later) from" \
            "https://www.swift.org/install/linux/ and add its usr/bin to PATH"
}

release_binary() { printf '%s\n' "$root/.build/release/draftfs"; }

# Directories count too: deleting a source file changes the time of its directory.
release_is_current() {
    local binary
    binary=$(release_binary)
    [[ -x $binary ]] && [[ -z $(find "$root/Sources" "$root/Mount" "$root/Package.swift" \
        -newer "$binary" -print -quit) ]]
}

# build_release: updates the release binary, which needs no Swift runtime beside it.
build_release() {
    if release_is_current; then return 0; fi
    need_swift
    note "building draftfs (release)"
    quietly swift build --package-path "$root" -c release --product draftfs \
        --static-swift-stdlib || die "the release build failed (see above)"
    # A build that has nothing to link keeps the old time. Without this it would run each time.
    touch -c -- "$(release_binary)"
}

# find_binary: prints $DRAFTFS_BINARY or the release binary; returns 1 if there is none.
find_binary() {
    local binary=${DRAFTFS_BINARY:-$(release_binary)}
    [[ -f $binary && -x $binary ]] || return 1
    realpath -- "$binary"
}

# mounts_under DIR: prints the mount points at or below DIR, latest first, one on each line.
mounts_under() {
    local directory point
    local -a points=()
    directory=$(realpath -- "$1")
    while read -r _ _ _ _ point _; do
        point=$(printf '%b' "${point//\\/\\0}") # \040 and the like
        if [[ $point == "$directory" || $point == "$directory"/* ]]; then
            points=("$point" "${points[@]}")
        fi
    done </proc/self/mountinfo
    if ((${#points[@]} > 0)); then printf '%s\n' "${points[@]}"; fi
}

# unmount_under DIR: unmounts all mounts at or below DIR, lazily if necessary; returns 1 if one
# remains.
unmount_under() {
    local point
    while read -r point; do
        if timeout 20 umount -- "$point" 2>/dev/null; then continue; fi
        if timeout 20 fusermount3 -u -z -- "$point" 2>/dev/null; then continue; fi
        timeout 20 umount -l -- "$point" || true
    done < <(mounts_under "$1")
    [[ -z $(mounts_under "$1") ]]
}

# daemons_of TEXT: prints the ids of processes named draftfs or fuse-overlayfs that have TEXT (a path)
# in their arguments or environment.
daemons_of() {
    local process name
    for process in /proc/[0-9]*; do
        name=$(cat "$process/comm" 2>/dev/null) || continue
        [[ $name == draftfs* || $name == fuse-overlayfs ]] || continue
        if cat "$process/cmdline" "$process/environ" 2>/dev/null | grep -qaF -- "$1"; then
            printf '%s\n' "${process#/proc/}"
        fi
    done
}
