/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */

/* What no verifier takes: what a look-up returned is read without asking whether it is there. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} numbers SEC(".maps");

/* As many as the machine has processors, times some. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} scratch SEC(".maps");
const volatile __u32 scratch_slots = 1;

SEC("netfilter")
int wall(void *context)
{
    __u32 first = 0;
    __u32 *number = bpf_map_lookup_elem(&numbers, &first);

    (void)context;
    return *number & scratch_slots;
}

char _license[] SEC("license") = "Dual BSD/GPL";
