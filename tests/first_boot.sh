#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
#
# README's commands for a server that stays, in a system that systemd has booted: tests/fresh.sh boot calls it there, as
# root. Its last line is "first boot: works", or what failed.
set -eu
export PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH
conf=/usr/local/etc/sallyd.conf
log=/var/log/vsftpd.log

fail() {
    journalctl --no-pager -u sallyd -u sallyd.socket | tail -n 20
    echo "first boot: $*"
    exit 1
}
trap 'fail "line $LINENO"' ERR

# put STATUS URL: an upload, and how curl must end; 25 means that it was refused.
put() {
    local status=0
    curl -sS -T /etc/hostname "$2" || status=$?
    [ "$status" -eq "$1" ] || fail "upload to $2 ended with $status, not $1"
}

# soon COMMAND...: what a reload changes counts a moment later.
soon() {
    local i
    for ((i = 0; i < 100; i++)); do
        ! "$@" 2>/dev/null || return 0
        sleep 0.1
    done
    fail "never: $*"
}

systemctl daemon-reload
systemctl enable --now sallyd
systemctl is-active sallyd
useradd --create-home --shell /bin/bash lee
echo lee:secret | chpasswd
put 25 ftp://lee:secret@127.0.0.1/up
[ -z "$(curl -sS ftp://lee:secret@127.0.0.1/ | grep -v ' \.')" ] || fail "a new home is not empty"

systemd-sysusers
install -d -o ftp /srv/ftp/kim
echo word | sallyd user add kim --home /srv/ftp/kim --rights rwd --password-stdin
echo virtual_enable=YES | tee -a $conf && systemctl reload sallyd
soon curl -sS ftp://kim:word@127.0.0.1/
put 25 ftp://kim:word@127.0.0.1/up

echo write_enable=YES | tee -a $conf
printf '%s\n' anonymous_enable=YES anon_upload_enable=YES | tee -a $conf
install -d -o ftp /srv/ftp/incoming
systemctl reload sallyd
soon curl -sS ftp://127.0.0.1/
put 0 ftp://kim:word@127.0.0.1/up
put 0 ftp://lee:secret@127.0.0.1/up
put 0 ftp://127.0.0.1/incoming/up
for file in /srv/ftp/kim/up ~lee/up /srv/ftp/incoming/up; do
    cmp "$file" /etc/hostname
done
[ "$(stat -c %U /srv/ftp/kim/up ~lee/up /srv/ftp/incoming/up | paste -s -d ' ')" = "ftp lee ftp" ]

echo nopriv_user=sallyd >>$conf
systemctl restart sallyd
sallyd who
grep -l "^Name:.sallyd" /proc/[0-9]*/status | xargs grep -h "^Uid:" | grep -qw "$(id -u sallyd)"

logrotate --force /etc/logrotate.d/sallyd
soon sh -c "curl -sS ftp://lee:secret@127.0.0.1/ >/dev/null; grep -q 'OK LOGIN' $log"

systemctl stop sallyd
systemctl enable --now sallyd.socket
[ "$(systemctl is-active sallyd)" = inactive ]
curl -sS ftp://lee:secret@127.0.0.1/up | cmp - /etc/hostname
systemctl is-active sallyd
systemctl disable --now sallyd.socket sallyd
! curl -sS ftp://127.0.0.1/ 2>/dev/null || fail "still there"
echo "first boot: works"
