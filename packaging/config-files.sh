#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The configuration files that an administrator may change: a file that is there is never written over, and only one
# that is as we made it is taken away.
#
#   config-files.sh install|compare|remove [OURS THEIRS]...
#
# OURS: as we made it; THEIRS: where it counts, below $DESTDIR.
set -eu

install_one() {
    [ ! -e "$2" ] && [ ! -L "$2" ] || return 0
    cp -- "$1" "$2"
    chmod 644 -- "$2"
}

compare_one() {
    cmp -s -- "$1" "$2" || echo "$2 was there, and stays; as it comes with this version it is $1"
}

remove_one() {
    if cmp -s -- "$1" "$2"; then
        rm -- "$2"
    elif [ -e "$2" ]; then
        echo "$2 was changed, and stays"
    fi
}

job=$1
shift
while [ $# -gt 1 ]; do
    "${job}_one" "$1" "${DESTDIR-}$2"
    shift 2
done
