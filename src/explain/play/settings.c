/* SPDX-License-Identifier: BSD-2-Clause */
#include "explain/play/settings.h"

void play_defaults(struct play *ret)
{
    *ret = (struct play){
        .server_port = 21,
        .active_ports = {32768, 60999}, /* net.ipv4.ip_local_port_range */
        .kernel = TRACK_KERNEL(6, 18),
        .manner = TRACK_LINUX,
        .helper_ports = {21},
        .helper_port_count = 1,
        .nat_ftp = TRACK_NAT_FTP_UNKNOWN,
    };
}
