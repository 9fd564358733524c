#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# Tests on the kernels that Debian 12 and Debian 13 come with, and on the one that Debian 12's backports have, whatever the kernel
# of this machine is: each is booted in an emulator (qemu, without KVM, so that it runs anywhere; nothing there says how fast
# anything is), with that Debian as its file system, in memory, and the working tree built in it.
#
# usage: sudo tests/kernels/run.sh [bookworm] [trixie] [backports] [test_FILE.Class.test...]
#        (all three, all tests, if none is named)
#
# Roots stay in build/kernels, for the next time; remove that folder to begin anew. The sources are those of the working tree.
# What a boot is for is a row of $boots (backports: only of $boots_backports); its tests are in this folder (test_*.py), and run in the guest by guest.sh. The last
# line counts: N passed, N failed, N skipped.
set -euo pipefail
umask 022

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
top=$source/build/kernels
home=/root/sallyport
# shellcheck source=tests/roots.sh
. "$source/tests/roots.sh"

seconds_for_a_boot=1800 # a busy machine, and an emulator
memory=3G
# qemu 7.2 breaks what stands behind a cmpxchg16b: the backports' kernel died of it while it booted.
processor=max,cx16=off
# name, what the kernel is told (-: nothing), the tests that run then. tls: the kernel has TLS, but one cipher it can't find;
# bare: it has no TLS. program: as it is, for the firewall's program in it.
boots='
tls  module_blacklist=chacha20poly1305 test_ktls.KernelTls test_ktls.SlowNetwork test_tls test_units
bare module_blacklist=tls              test_ktls.NoKernelTls
program -                              test_program test_wall
'
boots_backports='
program -                              test_program test_wall
'

fail() {
    echo "kernels: $*" >&2
    exit 1
}

say() {
    printf '\n== kernels: %s (%d s)\n' "$*" "$SECONDS"
}

list() {
    sed 's/#.*//' "$@" | tr -s ' \n' ' '
}

# Debian 12's backports are a kernel for the root of Debian 12.
root_of() {
    case $1 in backports) echo "$top/bookworm/root" ;; *) echo "$top/$1/root" ;; esac
}

# get_kernel SUITE [RELEASE]: the one that its root's apt has, of that release if one is named.
get_kernel() {
    local suite=$1 root
    root=$(root_of "$suite")
    say "$suite: its kernel"
    mkdir -p "$top/$suite/kernel"
    # shellcheck disable=SC2016 # the shell in there expands it
    inside shared "$root" 600 sh -c 'apt-get download -qq -o APT::Sandbox::User=root -o APT::Default-Release="$1" \
        "$(apt-cache depends -o APT::Default-Release="$1" --important linux-image-cloud-amd64 | sed -n "s/^ *Depends: \(linux-image-[0-9]\)/\1/p" | head -n 1)"' \
        sh "${2-}"
    dpkg -x "$root$home"/linux-image-*.deb "$top/$suite/kernel"
    rm "$root$home"/linux-image-*.deb
}

# prepare SUITE: a root with its packages and its kernel, unless there is one. What it was made of is its mark.
prepare() {
    local suite=$1 root=$top/$1/root mark
    [ "$suite" != backports ] || prepare bookworm
    mark=$(cat "$source"/packaging/apt-{build,kernels-guest}.txt | sha256sum)
    [ "$(cat "$top/$suite/made-of" 2>/dev/null)" != "$mark" ] || return 0
    rm -rf --one-file-system "${top:?}/$suite"
    mkdir -p "$top/$suite"
    if [ "$suite" = backports ]; then
        prepare_backports
    else
        prepare_root "$suite" "$root"
        get_kernel "$suite"
    fi
    echo "$mark" >"$top/$suite/made-of"
}

prepare_root() {
    local suite=$1 root=$2
    say "$suite: a root"
    make_root "$suite" "$root"
    mkdir -p "$root$home"
    say "$suite: packages"
    inside shared "$root" 300 apt-get update -qq
    # shellcheck disable=SC2046 # a list of words
    inside shared "$root" 900 env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        $(list "$source"/packaging/apt-{build,kernels-guest}.txt) >"$top/$suite/install.log" 2>&1 ||
        { tail -n 5 "$top/$suite/install.log" >&2 && fail "$suite: packages could not be installed"; }
}

prepare_backports() {
    # shellcheck disable=SC2016
    inside shared "$(root_of backports)" 300 sh -c '
        site=$(apt-get indextargets --format "\$(SITE)" "Created-By: Packages" "Codename: bookworm" | head -n 1)
        echo "deb $site bookworm-backports main" >/etc/apt/sources.list.d/backports.list
        apt-get update -qq'
    get_kernel backports bookworm-backports
}

release() {
    basename "$top/$1"/kernel/boot/vmlinuz-* | sed 's/^vmlinuz-//'
}

# build SUITE: the working tree's sources (committed or not), in that root. Files keep their times, so that what is the same is
# not built again.
build() {
    local suite=$1 root
    root=$(root_of "$suite")
    say "$suite: building"
    find "$root$home" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
    (cd "$source" && git -c safe.directory="$source" ls-files -z --cached --others --exclude-standard |
        tar --create --null --files-from=- --ignore-failed-read --warning=no-failed-read) | tar --extract -C "$root$home"
    # shellcheck disable=SC2016
    inside none "$root" 1800 sh -c '
        [ -f build/build.ninja ] || meson setup build --buildtype=debugoptimized -Dtests=true -Dhardening=true >meson.log || exit 1
        exec ninja -C build --quiet sallyd sallywall tests/oracle-netfilter $(ninja -C build -t targets all | sed -n "s,^\(tests/unit/[^/]*\): c_LINKER.*,\1,p" |
            grep -E "/unit-(tls|sys|kernel)-")' >"$top/$suite/build.log" 2>&1 ||
        { tail -n 30 "$top/$suite/build.log" >&2 && fail "$suite: the build failed: see above"; }
}

# pack SUITE: the root as it is, without what nobody runs, and the kernel's modules that a network or a cipher needs.
pack() {
    local suite=$1 root kernel modules from
    root=$(root_of "$suite")
    kernel=$(release "$suite")
    modules=$root/usr/lib/modules/$kernel
    from=$(find "$top/$suite/kernel" -type d -path "*lib/modules/$kernel")
    say "$suite: packing it for $kernel"
    rm -rf "$root/usr/lib/modules"
    mkdir -p "$modules"
    cp -r "$from"/modules.{order,builtin*} "$modules"
    for part in net crypto lib arch drivers/net drivers/crypto; do
        [ ! -d "$from/kernel/$part" ] ||
            { mkdir -p "$modules/kernel/$part" && cp -r "$from/kernel/$part/." "$modules/kernel/$part"; }
    done
    chroot "$root" depmod "$kernel"
    ln -sf "$home/tests/kernels/guest.sh" "$root/init"
    (cd "$root" && find . -xdev \( -path ./usr/lib/gcc -o -path ./usr/libexec/gcc -o -path ./usr/include -o -path ./usr/share/doc \
        -o -path ./usr/share/locale -o -path ./usr/share/man -o -path ./usr/share/perl -o -path ./usr/share/i18n \
        -o -name 'x86_64-linux-gnu-*' -o -name 'lib[aht]*san.so.*' -o -name mesonbuild -o -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg \
        -o -path './usr/lib/llvm-*' -o -name 'libLLVM*' -o -name 'libclang*' \
        -o -name '*.a' -o \( -name '*.o' ! -name '*.bpf.o' \) -o -path './proc/*' -o -path './sys/*' -o -path './dev/*' \) -prune -o -print0 |
        cpio --quiet --null --create --format=newc --owner=+0:+0) >"$top/$suite/initrd"
}

# boot SUITE NAME WORD PATTERN...: what the guest says, indented, and its count in $count; false: it did not come to its end.
boot() {
    local suite=$1 name=$2 word=$3 log=$top/$1/$2.log shown
    shift 3
    [ "$word" != - ] || word=
    say "$suite, $name: $(release "$suite") boots"
    : >"$log"
    timeout --foreground --kill-after=5 "$seconds_for_a_boot" \
        qemu-system-x86_64 -machine q35 -accel tcg -cpu "$processor" -smp 2 -m "$memory" -nic none -no-reboot \
        -display none -monitor none -serial stdio \
        -kernel "$top/$suite/kernel/boot/vmlinuz-$(release "$suite")" -initrd "$top/$suite/initrd" \
        -append "console=ttyS0 quiet panic=-1 $word SALLY_BOOT=$name SALLY_TESTS=$(IFS=, && echo "$*")" \
        </dev/null >"$log" 2>&1 &
    running=$!
    tail --lines=+1 --follow --pid="$running" "$log" | sed -u 's/\r//g; s/^/  /' &
    shown=$!
    wait "$running" || true # its status says nothing of what happened inside
    running=
    wait "$shown" || true
    count=$(sed -n 's/^guest: \([0-9]* passed, [0-9]* failed, [0-9]* skipped\)\r*$/\1/p' "$log")
    [ -n "$count" ]
}

# Adds what a boot counted to the whole; a guest that hung, died or counted nothing is a failure.
passed=0 failed=0 skipped=0 bad=
add() {
    local suite=$1 name=$2 n
    if ! boot "$@"; then
        echo "FAILED: $suite, $name: the guest died, or did not come to its end within $seconds_for_a_boot s: $top/$suite/$name.log"
        failed=$((failed + 1)) bad="$bad $suite-$name"
        return
    fi
    # shellcheck disable=SC2086 # words
    set -- $count
    passed=$((passed + $1)) failed=$((failed + $3)) skipped=$((skipped + $5))
    [ "$3" -eq 0 ] || bad="$bad $suite-$name"
    n=$(($1 + $3))
    [ "$n" -gt 0 ] || { echo "FAILED: $suite, $name: no test ran" && failed=$((failed + 1)) bad="$bad $suite-$name"; }
}

# The tests of a row of $boots that the command line asks for.
wanted() {
    local test pattern
    [ -n "$patterns" ] || { echo "$@" && return; }
    for test in "$@"; do
        for pattern in $patterns; do
            case $pattern in "$test"*) echo "$pattern" ;; esac
            case $test in "$pattern"?*) echo "$test" ;; esac
        done
    done
}

prove() {
    local suite=$1 rows=$boots name word tests
    [ "$suite" != backports ] || rows=$boots_backports
    prepare "$suite"
    build "$suite"
    pack "$suite"
    while read -r name word tests; do
        # shellcheck disable=SC2086 # words
        [ -z "$name" ] || tests=$(wanted $tests)
        # shellcheck disable=SC2086
        [ -z "$tests" ] || add "$suite" "$name" "$word" $tests
    done <<<"$rows"
}

# Also when a root could not be made: then that is what failed.
finish() {
    local status=$?
    end_running
    [ "$status" -eq 0 ] || { failed=$((failed + 1)) && bad="$bad $at"; }
    [ -z "$bad" ] || printf '\nFAILED:%s\n' "$bad"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ] && exit 0
    exit 1
}

[ "$(id -u)" -eq 0 ] || fail "makes namespaces and Debian roots: call it as root, sudo ./run kernels"
[ "$(dpkg --print-architecture)" = amd64 ] || fail "the emulated machine is an amd64, and roots are built by this one: it must be, too"
suites=
patterns=
for word in "$@"; do
    case $word in
    bookworm | trixie | backports) suites="$suites $word" ;;
    test_*) patterns="$patterns $word" ;;
    *) fail "unknown word \"$word\"; usage: ./run kernels [bookworm] [trixie] [backports] [test_FILE.Class.test...]" ;;
    esac
done
trap finish EXIT
trap 'exit 130' INT TERM HUP
for at in ${suites:-bookworm trixie backports}; do
    prove "$at"
done
