/* SPDX-License-Identifier: Apache-2.0 */
/* What the CAs and their states mean at one moment: whom to trust, what to send, what to give out.
 * Layer: issuing, internal. Thread: any; a view does not change once made. */
#ifndef MRL_ISSUING_CA_VIEW_H
#define MRL_ISSUING_CA_VIEW_H

#include "issuing/issuing.h"

struct mrl_ca_view {
    struct mrl_ca_view *before; /* owned by the list of its owner */
    struct mrl_ca_info cas[MRL_KEYS_GENERATIONS_MAX];
    size_t count;
    struct mrl_cert_list certs; /* of cas, by the same index */
    struct mrl_cert_list links[MRL_KEYS_GENERATIONS_MAX];
    struct mrl_cert_list roots;
    struct mrl_cert_list intermediates;
    struct mrl_buf cacerts;
    struct mrl_bundle_version bundle;
    uint8_t issuing; /* number of the active issuing CA */
};

/* facts and states have the same order. MRL_ERR_CORRUPT: a certificate cannot be read, or there is
 * no active CA of a kind. Gives *out. */
mrl_err mrl_ca_view_new(const struct mrl_keys_facts *facts, const struct mrl_ca_rows *states,
                        struct mrl_ca_view **out, struct mrl_why *why);
void mrl_ca_view_free(struct mrl_ca_view *v); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_ca_view);

/* number 0: the active one. NULL: none. */
const struct mrl_ca_info *mrl_ca_view_find(const struct mrl_ca_view *v, enum mrl_ca_kind kind,
                                           uint8_t number);
/* Numbers of the roots that are not retired, a byte each. */
mrl_bytes mrl_ca_view_root_numbers(const struct mrl_ca_view *v,
                                   uint8_t memory[static MRL_KEYS_GENERATIONS_MAX]);

#endif
