/* SPDX-License-Identifier: BSD-2-Clause */
#include "rules/nft/attach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ASK_NFT "nft -j list ruleset"

/* Tables that iptables-save shows; of others it says that they are nft's ("# Table `filter' is incompatible, use 'nft' tool."). */
static uint32_t find_saved(const char *saved, size_t size)
{
    uint32_t tables = 0;
    char words[64];

    for (int t = 0; saved && t < RULES_TABLES; t++) {
        snprintf(words, sizeof(words), "# Table `%s' is incompatible",
                 rules_table_name((enum rules_table_type)t));
        tables |= memmem(saved, size, words, strlen(words)) ? 0 : 1U << t;
    }
    return tables;
}

/* Could packets of the family meet it, where it is not evaluated? */
static bool is_beside(const struct nft_chain *chain, uint8_t family)
{
    uint8_t of = chain->table->family;

    if (chain->type == NFT_CHAIN_REGULAR || chain->table->dormant || (!chain->stops && !chain->writes) ||
        of == NFT_ARP || nft_chain_is_met(chain, family))
        return false;
    return chain->hook == RULES_HOOKS || of == NFT_BRIDGE || nft_chain_is_maybe_met(chain, family);
}

/* Names may be anything that JSON can say. */
static void make_plain(char *text)
{
    for (; *text; text++)
        *text = (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text;
}

static int add_beside(struct rules *r, const struct nft_chain *chain)
{
    const char *family = nft_family_name((enum nft_family)chain->table->family);
    char what[200], command[200];

    snprintf(what, sizeof(what), "the chain \"%.60s\" of the nftables table \"%s %.60s\"", chain->name,
             family, chain->table->name);
    snprintf(command, sizeof(command), "nft list table %s %.60s", family, chain->table->name);
    make_plain(what);
    make_plain(command);
    return rules_beside_add(r, what, command, chain->writes != 0);
}

int nft_attach(struct rules *r, struct nft_ruleset *n, const char *saved, size_t saved_size)
{
    int error = 0;

    n->skips = find_saved(saved, saved_size);
    nft_hold(n);
    nft_release(&r->nft);
    r->nft = n;
    for (size_t i = 0; i < n->chain_count && !error; i++) {
        if (is_beside(n->chains[i], r->family))
            error = add_beside(r, n->chains[i]);
    }
    return error;
}

int nft_attach_list(struct rules *r, const char *text, size_t size, const char *saved, size_t saved_size)
{
    struct rules_error mistake;
    struct nft_ruleset *n = NULL;
    int error = nft_read(text, size, ASK_NFT, &n, &mistake);

    if (error == -EINVAL)
        return rules_beside_add(r, "tables of nftables, of which " ASK_NFT " says what can't be read",
                                ASK_NFT, true);
    if (!error)
        error = nft_attach(r, n, saved, saved_size);
    nft_release(&n);
    return error;
}

static uint8_t family_of(const struct nft_ruleset *n)
{
    bool six = false;

    for (size_t i = 0; i < n->chain_count; i++) {
        if (nft_chain_is_met(n->chains[i], PACKET_IPV4))
            return PACKET_IPV4;
        six |= nft_chain_is_met(n->chains[i], PACKET_IPV6);
    }
    return six ? PACKET_IPV6 : PACKET_IPV4;
}

int nft_read_rules(const char *text, size_t size, const char *name, uint8_t family, struct rules **ret,
                   struct rules_error *error)
{
    struct nft_ruleset *n = NULL;
    int result = nft_read(text, size, name, &n, error);

    if (result)
        return result;
    struct rules *r = rules_new((enum packet_family)(family ? family : family_of(n)));
    result = r ? nft_attach(r, n, NULL, 0) : -ENOMEM;
    nft_release(&n);
    if (result)
        rules_free(&r);
    else
        *ret = r;
    return result;
}
