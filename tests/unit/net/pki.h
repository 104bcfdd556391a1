/* SPDX-License-Identifier: Apache-2.0 */
/* A small world of certificates for the tests of net: made once a program, in memory. */
#ifndef MRL_TESTS_NET_PKI_H
#define MRL_TESTS_NET_PKI_H

#include "crypto/cert_build.h"

struct pki_identity {
    struct mrl_key *key;
    struct mrl_cert_list chain; /* leaf first */
    struct mrl_fingerprint fingerprint;
};
struct pki {
    struct pki_identity ca;
    struct pki_identity foreign_ca;
    struct pki_identity server;
    struct pki_identity other_server; /* same names, another key type */
    struct mrl_cert_list roots;
};
void pki_init(struct pki *p);
void pki_done(struct pki *p);
/* A client certificate of ca, valid from now + from to now + until seconds. */
void pki_issue(const struct pki_identity *ca, enum mrl_cert_kind kind, const char *cn, int64_t from,
               int64_t until, struct pki_identity *out);
void pki_identity_done(struct pki_identity *i);

#endif
