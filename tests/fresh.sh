#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Proves on a bare Debian 12 and on a bare Debian 13 that README's commands work from a plain clone.
#
# usage: sudo tests/fresh.sh [bookworm] [trixie] [serve] [install] [boot] [check]      (both suites, all of it, if none is named)
#
# For each it makes a minimal Debian root under build/fresh, clones HEAD into it and calls ./run there, in mount and
# process namespaces of its own. Packages come from wherever this machine's apt gets Debian's. The server is started where
# there is no network but a loopback. Whatever happens, nothing is left behind. One that fails does not keep the others from being
# tried. The last line counts: N passed, N failed, 0 skipped.
set -euo pipefail
umask 022

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
top=$source/build/fresh
home=/root/sallyport
# shellcheck source=tests/roots.sh
. "$source/tests/roots.sh"

fail() {
    echo "fresh: $*" >&2
    exit 1
}

say() {
    printf '\n== fresh: %s (%d s)\n' "$*" "$SECONDS"
}

# clone ROOT: as anybody would. Git wants to be told that root may read somebody else's repository.
clone() {
    printf '[safe]\n\tdirectory = *\n' >"$top/gitconfig"
    GIT_CONFIG_GLOBAL=$top/gitconfig git clone --quiet --no-hardlinks "$source" "$1$home"
}

# Called on a signal and at the end: the namespaces with all that runs in them, then the files.
clean_up() {
    end_running
    rm -rf --one-file-system "$top"
    rmdir "$source/build" 2>/dev/null || true
}

# boot ROOT: with systemd as its first process, which runs tests/first_boot.sh and powers off.
boot() {
    local root=$1 nspawn
    nspawn=$(find_tool systemd-nspawn systemd-container)
    : >"$root/etc/machine-id"
    cat >"$root/etc/systemd/system/first-boot.service" <<EOF
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '$home/tests/first_boot.sh >/root/boot.out 2>&1'
ExecStopPost=/bin/systemctl poweroff --no-block
EOF
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -s ../first-boot.service "$root/etc/systemd/system/multi-user.target.wants/"
    timeout --foreground --kill-after=2 240 "$nspawn" --register=no --keep-unit --private-network --boot -D "$root" \
        </dev/null >"$top/boot.log" 2>&1 &
    running=$!
    wait "$running" || true # its status says nothing of what happened inside
    running=
    cat "$root/root/boot.out" || tail -n 20 "$top/boot.log"
    tail -n 1 "$root/root/boot.out" | grep -qx "first boot: works" || fail "the first boot failed: see above"
}

prove() {
    local suite=$1 job=$2 root=$top/root-$1-$2 start=$SECONDS
    say "$suite, $job: a bare root"
    make_root "$suite" "$root"
    clone "$root"
    case $job in
    serve)
        say "$suite, serve: ./run build installs and builds"
        inside shared "$root" 900 ./run build
        say "$suite, serve: ./run serve, with nothing but a loopback"
        inside none "$root" 120 python3 tests/first_session.py --lo
        ;;
    install)
        say "$suite, install: ./run build installs and builds"
        inside shared "$root" 900 ./run build
        inside shared "$root" 300 python3 tests/scenario/tools.py
        say "$suite, install: installed, used and removed, with nothing but a loopback"
        inside none "$root" 600 python3 tests/install.py
        ;;
    boot)
        say "$suite, boot: ./run install in a Debian with systemd"
        inside shared "$root" 900 ./run build
        inside shared "$root" 300 env DEBIAN_FRONTEND=noninteractive \
            apt-get install -qq -y --no-install-recommends systemd-sysv dbus curl logrotate >/dev/null
        inside shared "$root" 300 ./run install
        say "$suite, boot: README's commands for a server that stays, in the system that was booted"
        boot "$root"
        ;;
    check)
        say "$suite, check: .ci/run, which calls ./run check"
        inside shared "$root" 2400 .ci/run # 25 minutes, and what it takes to install packages
        ;;
    esac
    say "$suite, $job works; it took $((SECONDS - start)) s"
}

if [ "${1-}" = --prove ]; then
    trap 'end_running' EXIT
    trap 'exit 130' INT TERM HUP
    prove "$2" "$3"
    exit 0
fi
[ "$(id -u)" -eq 0 ] || fail "makes namespaces and a Debian root: call it as root, sudo tests/fresh.sh"
suites=
jobs=
for word in "$@"; do
    case $word in
    bookworm | trixie) suites="$suites $word" ;;
    serve | install | boot | check) jobs="$jobs $word" ;;
    *) fail "unknown word \"$word\"; there are: bookworm trixie serve install boot check" ;;
    esac
done
[ ! -e "$top" ] || fail "$top is there already: another run, or one that was killed; remove it if none is running"
mkdir -p "$top"
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
passed=0
failed=
for suite in ${suites:-bookworm trixie}; do
    for job in ${jobs:-serve install boot check}; do
        # errexit holds in a process of its own, not in a condition
        "$source/tests/fresh.sh" --prove "$suite" "$job" &
        running=$!
        if wait "$running"; then passed=$((passed + 1)); else failed="$failed $suite-$job"; fi
        running=
        rm -rf --one-file-system "$top/root-$suite-$job"
    done
done
[ -z "$failed" ] || printf '\nFAILED:%s\n' "$failed"
# shellcheck disable=SC2086 # a list of words
set -- $failed
echo "$passed passed, $# failed, 0 skipped"
[ $# -eq 0 ]
