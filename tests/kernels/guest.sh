#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The first process of a guest that kernels/run.sh boots: makes it a system of sorts, runs the tests named by the kernel's command
# line, says how many passed, and ends it.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=755 run /run
exec </dev/null >/dev/console 2>&1
ln -s /proc/self/fd /dev/fd
hostname guest
cd /root/sallyport || exit 1
echo "guest: $(uname -r), $(. /etc/os-release && echo "$PRETTY_NAME"), $(openssl version)"
# shellcheck disable=SC2046 # names with commas between them
python3 tests/scenario/run.py --kernels --jobs 1 -v $(echo "$SALLY_TESTS" | tr , ' ') | sed -u 's/^\([0-9]* passed, .*\)/guest: \1/'
sync
echo b >/proc/sysrq-trigger # with -no-reboot that is the end of the emulator
