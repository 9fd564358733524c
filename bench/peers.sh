#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Unpacks Debian's vsftpd, Pure-FTPd and ProFTPD, and the libraries they need, into a folder, without installing
# them: as packages they exclude one another, and would start services. Does nothing when the folder is complete.
#
#   bench/peers.sh [FOLDER]        (build/peers in the repository unless named)
#
# To take newer versions, delete the folder and run it again.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
folder=${1:-$here/build/peers}
root=$folder/root

servers='vsftpd pure-ftpd proftpd-core proftpd-mod-crypto'
# Another release has other libraries.
complete="$servers of Debian $(cut -d . -f 1 /etc/debian_version 2>/dev/null)" || :

say() {
    echo "bench/peers.sh: $*" >&2
}

# What the three are linked with, and what that is linked with, besides libc: the packages' own word for it, as each
# release has other names (libssl3, libssl3t64). Libraries that the machine has anyway do no harm here.
libraries() {
    found=
    next=$servers
    while [ -n "$next" ]; do
        # shellcheck disable=SC2086 # a list of words
        next=$(apt-cache depends --no-pre-depends $next |
            sed -n 's/^ *|*Depends: \(lib[^<>]*\|zlib1g\)$/\1/p' | sort -u | grep -vE '^lib(c6|c-|gcc|pam-)' |
            while read -r name; do
                case " $found " in *" $name "*) ;; *) printf '%s ' "$name" ;; esac
            done)
        found="$found $next"
    done
    echo "$found"
}

# Every executable must find its libraries, or the server would fail later with a less clear message.
libraries_missing() {
    path=$(find "$root" -type d -name '*-linux-gnu' | tr '\n' ':')
    for program in vsftpd pure-ftpd proftpd; do
        LD_LIBRARY_PATH=$path ldd "$root/usr/sbin/$program" | sed -n "s/ => not found/ (for $program)/p"
    done
}

[ "$(cat "$folder/complete" 2>/dev/null)" = "$complete" ] && exit 0

for tool in apt-get apt-cache dpkg-deb ldd; do
    command -v "$tool" >/dev/null || { say "needs $tool, so a Debian system"; exit 1; }
done
rm -rf "$folder"
mkdir -p "$folder/packages" "$root"
cd "$folder/packages"

download() {
    # shellcheck disable=SC2046,SC2086 # lists of words
    apt-get -q -q -o APT::Sandbox::User=root download $servers $(libraries) >"$folder/apt.log" 2>&1
}
say "downloading $servers and their libraries"
if ! download; then
    say "apt-get download failed; refreshing apt's package lists and trying once more"
    apt-get -q -q update >>"$folder/apt.log" 2>&1 || true
    download || { say "cannot download the peers; apt-get said:"; cat "$folder/apt.log" >&2; exit 1; }
fi
for package in *.deb; do
    dpkg-deb -x "$package" "$root"
done
for server in $servers; do
    dpkg-deb -f "$server"_*.deb Package Version | sed -n 's/^Package: //p; s/^Version: //p' | paste -s -d ' ' -
done >"$folder/versions"

missing=$(libraries_missing)
if [ -n "$missing" ]; then
    say "libraries are missing:"
    echo "$missing" >&2
    exit 1
fi
rm -rf "$folder/packages"
echo "$complete" >"$folder/complete"
say "unpacked under $root:" && cat "$folder/versions" >&2
