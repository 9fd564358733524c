#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Gets ready below build/clients what ./run clients does not install: Erlang and PHP, whose packages would start a
# daemon or a timer, the clients of npm, and the Java driver's class. What can't be had is said; its client is skipped.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
folder=$here/build/clients
root=$folder/root
drivers=$here/tests/clients/drivers
mkdir -p "$folder/packages/partial" "$root"

say() {
    echo "clients: $*" >&2
}

unpack() {
    apt-get install --download-only -y -q -q --no-install-recommends -o Debug::NoLocking=1 \
        -o "Dir::Cache::archives=$folder/packages" php-cli erlang-ftp </dev/null >"$folder/apt.log" 2>&1 || return 1
    for package in "$folder"/packages/*.deb; do
        [ ! -e "$package" ] || dpkg-deb -x "$package" "$root"
    done
    rm -rf "$folder/packages"
    # these two are found through links and paths that only an installed package has
    for php in "$root"/usr/bin/php[0-9]*.[0-9]; do
        [ ! -e "$php" ] || ln -sf "${php##*/}" "$root/usr/bin/php"
    done
    erl=$root/usr/lib/erlang/bin/erl
    [ ! -e "$erl" ] || sed -i "s|ROOTDIR=/usr/lib/erlang|ROOTDIR=$root/usr/lib/erlang|" "$erl"
    touch "$folder/unpacked"
}

from_npm() {
    mkdir -p "$folder/npm"
    cp "$here"/tests/clients/npm/package*.json "$folder/npm/"
    (cd "$folder/npm" && npm ci --no-audit --no-fund --ignore-scripts) </dev/null >"$folder/npm.log" 2>&1
}

[ -e "$folder/unpacked" ] || unpack || say "no Erlang and PHP: $(tail -n 1 "$folder/apt.log")"
[ -d "$folder/npm/node_modules/jsftp" ] || from_npm || say "no clients of npm: $(tail -n 1 "$folder/npm.log")"
[ "$folder/Commons.class" -nt "$drivers/Commons.java" ] ||
    ecj -proc:none -11 -cp /usr/share/java/commons-net.jar -d "$folder" "$drivers/Commons.java" >&2 || say "no Java client"
