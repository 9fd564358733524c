#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Proves on a bare Debian 12 that README's commands work from a plain clone.
#
# usage: sudo tests/fresh.sh [serve] [check]      (both, if none is named)
#
# For each it makes a minimal Debian root under build/fresh, clones HEAD into it and calls ./run there, in mount and
# process namespaces of its own. Packages come from wherever this machine's apt gets them. The server is started where
# there is no network but a loopback. Whatever happens, nothing is left behind.
set -euo pipefail
umask 022

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
top=$source/build/fresh
suite=${FRESH_SUITE:-bookworm}
home=/root/sallyport

fail() {
    echo "fresh: $*" >&2
    exit 1
}

say() {
    printf '\n== fresh: %s (%d s)\n' "$*" "$SECONDS"
}

# mmdebstrap if installed; else its package, unpacked: it is one script, and the machine stays as it was.
find_mmdebstrap() {
    if command -v mmdebstrap; then
        return
    fi
    mkdir -p "$top/tool"
    (cd "$top/tool" && apt-get download -qq mmdebstrap >&2 && dpkg -x mmdebstrap_*.deb .) ||
        fail "mmdebstrap is not here and its package can't be downloaded"
    echo "$top/tool/usr/bin/mmdebstrap"
}

# The machine's own sources and its way to them (proxies, certificates, date checks) serve the new root as well.
make_root() {
    local root=$1 tool
    tool=$(find_mmdebstrap)
    apt-config dump | grep -E '^Acquire::(http|https|ftp|Check-|Retries|ForceIPv)' >"$top/apt.conf" || true
    : >"$top/sources"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list.d/debian.list; do
        [ ! -s "$file" ] || { cat "$file" >>"$top/sources" && echo >>"$top/sources"; }
    done
    TMPDIR=$top "$tool" --quiet --mode=root --variant=minbase --aptopt="$top/apt.conf" "$suite" "$root" - <"$top/sources"
    cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
}

# clone ROOT: as anybody would. Git wants to be told that root may read somebody else's repository.
clone() {
    printf '[safe]\n\tdirectory = *\n' >"$top/gitconfig"
    GIT_CONFIG_GLOBAL=$top/gitconfig git clone --quiet --no-hardlinks "$source" "$1$home"
}

# The first process of the namespaces: makes ROOT its "/" for good (not a mere chroot, so that tests may make namespaces
# of their own) and becomes the command.
enter() {
    local root=$1
    shift
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

# inside NETWORK ROOT SECONDS COMMAND...: NETWORK is "shared" (for apt) or "none".
inside() {
    local network=$1 root=$2 seconds=$3
    local unshare=(unshare --mount --pid --uts --ipc --fork --kill-child --propagation private)
    shift 3
    [ "$network" = shared ] || unshare+=(--net)
    timeout --foreground --kill-after=2 "$seconds" \
        "${unshare[@]}" "$source/tests/fresh.sh" --enter "$root" "$@" </dev/null &
    running=$!
    wait "$running"
    running=
}

# Called on a signal and at the end: the namespaces with all that runs in them, then the files.
clean_up() {
    if [ -n "$running" ]; then
        kill "$running" 2>/dev/null || true
        wait "$running" || true
    fi
    rm -rf --one-file-system "$top"
    rmdir "$source/build" 2>/dev/null || true
}

prove() {
    local job=$1 root=$top/root-$1 start=$SECONDS
    say "$job: a bare Debian $suite"
    make_root "$root"
    clone "$root"
    case $job in
    serve)
        say "serve: ./run build installs and builds"
        inside shared "$root" 900 ./run build
        say "serve: ./run serve, with nothing but a loopback"
        inside none "$root" 120 python3 tests/first_session.py --lo
        ;;
    check)
        say "check: .ci/run, which calls ./run check"
        inside shared "$root" 1500 .ci/run
        ;;
    esac
    rm -rf --one-file-system "$root"
    say "$job works; it took $((SECONDS - start)) s"
}

if [ "${1-}" = --enter ]; then
    shift
    enter "$@"
fi
[ "$(id -u)" -eq 0 ] || fail "makes namespaces and a Debian root: call it as root, sudo tests/fresh.sh"
[ $# -gt 0 ] || set -- serve check
for job in "$@"; do
    case $job in serve | check) ;; *) fail "unknown part \"$job\"; there are: serve check" ;; esac
done
[ ! -e "$top" ] || fail "$top is there already: another run, or one that was killed; remove it if none is running"
mkdir -p "$top"
running=
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
for job in "$@"; do
    prove "$job"
done
