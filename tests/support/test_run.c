/* SPDX-License-Identifier: BSD-2-Clause */
#include "test_run.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <string.h>

/* struct nf_hook_state, of which a test run takes these two and wants the rest empty. */
struct hook_state {
    uint8_t hook, family;
    void *empty[5];
};

int test_run(int program, const uint8_t *packet, uint32_t size, bool v4)
{
    struct hook_state state = {.hook = NF_INET_PRE_ROUTING, .family = v4 ? NFPROTO_IPV4 : NFPROTO_IPV6};
    uint8_t frame[ETH_HLEN + TEST_RUN_LARGEST] = {[ETH_HLEN - 2] = v4 ? ETH_P_IP >> 8 : ETH_P_IPV6 >> 8,
                                                  [ETH_HLEN - 1] = v4 ? ETH_P_IP & 0xff : ETH_P_IPV6 & 0xff};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .ctx_in = &state, .ctx_size_in = sizeof(state));

    if (size > TEST_RUN_LARGEST)
        return -EMSGSIZE;
    memcpy(frame + ETH_HLEN, packet, size);
    options.data_size_in = ETH_HLEN + size;
    return bpf_prog_test_run_opts(program, &options) < 0 ? -errno : (int)options.retval;
}
