/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate revocation lists (RFC 5280 5). A list is written in three parts, so that one of a
 * million entries need not be in one place to be signed: head, entries, tail; the signature is over
 * the three one after another. Layer: crypto. Thread: any. */
#ifndef MRL_CRYPTO_CRL_H
#define MRL_CRYPTO_CRL_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "crypto/der.h"
#include "crypto/key.h"

/* RFC 5280 5.3.1; 7 is not used. */
enum mrl_crl_reason {
    MRL_CRL_UNSPECIFIED = 0, /* not written: "SHOULD be absent" */
    MRL_CRL_KEY_COMPROMISE = 1,
    MRL_CRL_AFFILIATION_CHANGED = 3,
    MRL_CRL_SUPERSEDED = 4,
    MRL_CRL_CESSATION_OF_OPERATION = 5,
    MRL_CRL_PRIVILEGE_WITHDRAWN = 9,
};
/* The reason a text begins with: "keyCompromise", "key compromise", in any case, and so on. */
enum mrl_crl_reason mrl_crl_reason_of(mrl_bytes text);

struct mrl_crl_plan { /* everything is borrowed */
    mrl_bytes issuer; /* Name DER */
    mrl_bytes aki;    /* its subject key identifier */
    enum mrl_sign_alg alg;
    uint64_t number;
    uint64_t base;          /* of a delta: the number of its base; 0: a complete list */
    int64_t this_update;    /* seconds since 1970 */
    int64_t next_update;    /* always there: RFC 5280 5.1.2.5 */
    mrl_bytes scope_url;    /* issuingDistributionPoint: a shard; empty: all of the issuer */
    mrl_bytes freshest_url; /* where its delta is; empty: none */
    size_t entries_len;     /* bytes of all entries */
};
/* Head and tail, appended. MRL_ERR_INVALID: next before this, number 0, or base not below number.
 */
mrl_err mrl_crl_frame(const struct mrl_crl_plan *plan, struct mrl_buf *head, struct mrl_buf *tail);
/* One entry; serial as in mrl_cert_facts. */
mrl_err mrl_crl_entry(mrl_bytes serial, int64_t revoked, enum mrl_crl_reason reason,
                      struct mrl_buf *out);
/* MRL_OK: nothing but whole entries. Looks at their frames only. */
mrl_err mrl_crl_entries_check(mrl_bytes entries);
/* What follows the entries: tail, algorithm and signature, appended. */
mrl_err mrl_crl_end(mrl_bytes tail, enum mrl_sign_alg alg, mrl_bytes signature,
                    struct mrl_buf *out);
/* The signed list of the three, appended. */
mrl_err mrl_crl_assemble(mrl_bytes head, mrl_bytes entries, mrl_bytes end, struct mrl_buf *out);

/* What a list says of itself; views into it. The signature is not checked. */
struct mrl_crl_facts {
    mrl_bytes issuer;
    uint64_t number; /* 0: none, or above 2^64 */
    uint64_t base;   /* 0: complete */
    mrl_bytes entries;
};
mrl_err mrl_crl_read(mrl_bytes der, struct mrl_crl_facts *out);

/* One DistributionPoint with a URI: RFC 5280 4.2.1.13 */
void mrl_crl_point_write(struct mrl_der *d, mrl_bytes url);

#endif
