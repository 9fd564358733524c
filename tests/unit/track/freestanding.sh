#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The headers that the kernel programs share: do they compile for BPF, and call nothing that isn't there? Run from
# the root of the sources. Exit status 77: skipped, for want of clang.
clang=${CLANG:-clang}
command -v "$clang" >/dev/null && "$clang" -print-targets 2>/dev/null | grep -q 'bpf ' || {
    echo "skipped: there is no clang that compiles for BPF"
    exit 77
}
object=$(mktemp) || exit 1
trap 'rm -f "$object"' EXIT
"$clang" -target bpf -O2 -ffreestanding -Wall -Wextra -Werror -Isrc -c tests/unit/track/freestanding.c -o "$object" || exit 1
wanting=$(readelf -sW "$object" | awk '$7 == "UND" && $8 != "" { print $8 }')
if [ -n "$wanting" ]; then
    echo "not freestanding, these functions are called but not there:" $wanting
    exit 1
fi
