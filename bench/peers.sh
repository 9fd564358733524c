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

servers='vsftpd pure-ftpd proftpd-core'
# What the three are linked with, besides libc. Libraries that the machine has anyway do no harm here.
libraries='libwrap0 libnsl2 libtirpc3 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1
libcap2 libpam0g libaudit1 libcap-ng0 libssl3 libcrypt1 libsodium23 libacl1 libhiredis0.14 libidn2-0 libunistring2
libmemcached11 libmemcachedutil2 libhashkit2 libsasl2-2 libncursesw6 libtinfo6 libpcre2-8-0 libpcre2-posix3 zlib1g'

say() {
    echo "bench/peers.sh: $*" >&2
}

# Every executable must find its libraries, or the server would fail later with a less clear message.
libraries_missing() {
    path=$(find "$root" -type d -name '*-linux-gnu' | tr '\n' ':')
    for program in vsftpd pure-ftpd proftpd; do
        LD_LIBRARY_PATH=$path ldd "$root/usr/sbin/$program" | sed -n "s/ => not found/ (for $program)/p"
    done
}

[ "$(cat "$folder/complete" 2>/dev/null)" = "$servers $libraries" ] && exit 0

for tool in apt-get dpkg-deb ldd; do
    command -v "$tool" >/dev/null || { say "needs $tool, so a Debian system"; exit 1; }
done
rm -rf "$folder"
mkdir -p "$folder/packages" "$root"
cd "$folder/packages"

download() {
    # The list is meant to be split into words.
    # shellcheck disable=SC2086
    apt-get -q -q -o APT::Sandbox::User=root download $servers $libraries >"$folder/apt.log" 2>&1
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
    say "libraries are missing; add their packages to the list in this script:"
    echo "$missing" >&2
    exit 1
fi
rm -rf "$folder/packages"
echo "$servers $libraries" >"$folder/complete"
say "unpacked under $root:" && cat "$folder/versions" >&2
