/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP answers of one CA, signed before anybody asks and kept until they are old; what was not
 * foreseen is signed when asked for. Layer: revocation.
 *
 * Threads: one owner; mrl_answers_write from any thread registered with liburcu. */
#ifndef MRL_REVOCATION_ANSWERS_H
#define MRL_REVOCATION_ANSWERS_H

#include "base/buf.h"
#include "crypto/ocsp.h"
#include "revocation/statuses.h"

struct mrl_answers;

struct mrl_answers_config { /* copied */
    struct mrl_ocsp_issuer issuer;
    int64_t life_s; /* nextUpdate - thisUpdate */
    size_t kept;    /* answers that are kept at most */
};
mrl_err mrl_answers_new(const struct mrl_answers_config *config, struct mrl_answers **out);
/* No reader is left. NULL is fine. */
void mrl_answers_free(struct mrl_answers *a);

/* Owner. Who signs from here on: its key (taken, on failure too) and certificate. Answers signed by
 * the one before stay good until they are old. */
mrl_err mrl_answers_set_responder(struct mrl_answers *a, struct mrl_key *key, mrl_bytes cert);
/* Owner. When the present certificate should be replaced, seconds since 1970; 0: there is none. */
int64_t mrl_answers_renew_at(const struct mrl_answers *a);

struct mrl_answer_times {
    int64_t this_update, next_update;
};
/* Appends the response for a certificate of this status. MRL_ERR_STATE: nobody can sign yet. */
mrl_err mrl_answers_write(struct mrl_answers *a, enum mrl_ocsp_hash hash, mrl_bytes serial,
                          const struct mrl_status *status, int64_t now, struct mrl_buf *out,
                          struct mrl_answer_times *times);
/* Owner. Signs the answer for SHA-1 (RFC 5019 2.1.1) when it is missing, says something else or is
 * past half of its life. true: it signed. */
bool mrl_answers_prepare(struct mrl_answers *a, mrl_bytes serial, const struct mrl_status *status,
                         int64_t now);
/* Owner. Drops what is past its nextUpdate. */
void mrl_answers_sweep(struct mrl_answers *a, int64_t now);
size_t mrl_answers_count(const struct mrl_answers *a); /* any thread */

#endif
