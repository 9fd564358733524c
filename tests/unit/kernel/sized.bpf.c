/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */

/* Maps whose sizes the loader sets, and a constant among others: accepts if it is the one that was said. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct least {
    char bytes[64];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct least);
} image SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} rule_counts SEC(".maps");

/* As many as the machine has processors, times some. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} scratch SEC(".maps");

const volatile __u32 before = 1, image_size = 64, behind = 2, scratch_slots = 1;

SEC("netfilter")
int wall(void *context)
{
    (void)context;
    return before == 1 && image_size == 8192 && behind == 2 && scratch_slots > 1;
}

char _license[] SEC("license") = "Dual BSD/GPL";
