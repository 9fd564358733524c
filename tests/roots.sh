#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Bare Debian roots, and commands in them, in mount and process namespaces of their own: for fresh.sh and kernels/run.sh, which
# read this file after they have set $source (the project), $top (a folder for the roots and what goes with them) and $home (where
# the project is inside a root), and have a function fail. Packages come from wherever this machine's apt gets Debian's.
#
# usage, by itself: roots.sh --enter HOME ROOT COMMAND...      (the first process of the namespaces)

# find PROGRAM PACKAGE: where it is, if installed; else its package, unpacked: the machine stays as it was.
find_tool() {
    if command -v "$1"; then
        return
    fi
    mkdir -p "$top/tool"
    (cd "$top/tool" && apt-get -qq -o APT::Sandbox::User=root download "$2" >&2 && dpkg -x "$2"_*.deb .) ||
        fail "$1 is not here and its package can't be downloaded"
    echo "$top/tool/usr/bin/$1"
}

# make_root SUITE ROOT: by the machine's own sources of Debian, for that suite, and its way to them (proxies, certificates,
# date checks).
make_root() {
    local suite=$1 root=$2 tool own
    # shellcheck source=/dev/null
    own=$(. /etc/os-release && echo "$VERSION_CODENAME")
    tool=$(find_tool mmdebstrap mmdebstrap)
    apt-config dump | grep -E '^Acquire::(http|https|ftp|Check-|Retries|ForceIPv)' >"$top/apt.conf" || true
    : >"$top/sources"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/debian.list; do
        [ ! -s "$file" ] || { sed "s/\<$own\>/$suite/g" "$file" >>"$top/sources" && echo >>"$top/sources"; }
    done
    TMPDIR=$top "$tool" --quiet --mode=root --variant=minbase --aptopt="$top/apt.conf" "$suite" "$root" - <"$top/sources"
    cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
}

# The first process of the namespaces: makes ROOT its "/" for good (not a mere chroot, so that tests may make namespaces
# of their own) and becomes the command.
enter() {
    local home=$1 root=$2
    shift 2
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t tmpfs -o mode=755 dev "$root/dev"
    for node in null zero full random urandom tty; do
        touch "$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
    done
    mkdir "$root/dev/pts" "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
    mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s /proc/self/fd/0 "$root/dev/stdin"
    ln -s /proc/self/fd/1 "$root/dev/stdout"
    ln -s /proc/self/fd/2 "$root/dev/stderr"
    mount -t tmpfs -o mode=755 run "$root/run"
    mount -t tmpfs -o mode=1777 tmp "$root/tmp"
    cd "$root"
    pivot_root . mnt
    cd /
    umount --lazy /mnt
    # shellcheck disable=SC2016 # the shell in there expands it
    exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        sh -c 'cd "$0" && exec "$@"' "$home" "$@"
}

running= # the process that is waited for

# inside NETWORK ROOT SECONDS COMMAND...: NETWORK is "shared" (for apt) or "none".
inside() {
    local network=$1 root=$2 seconds=$3 status=0
    local unshare=(unshare --mount --pid --uts --ipc --fork --kill-child --propagation private)
    shift 3
    [ "$network" = shared ] || unshare+=(--net)
    timeout --foreground --kill-after=2 "$seconds" \
        "${unshare[@]}" "$source/tests/roots.sh" --enter "$home" "$root" "$@" </dev/null &
    running=$!
    wait "$running" || status=$?
    running=
    return "$status"
}

end_running() {
    if [ -n "$running" ]; then
        kill "$running" 2>/dev/null || true
        wait "$running" || true
    fi
}

if [ "${1-}" = --enter ] && [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    shift
    enter "$@"
fi
