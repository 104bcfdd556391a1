/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation for outsiders: lists (CRL) and OCSP answers, made by one thread beside everything
 * else. The daemon's own doors never ask here: they judge by the registry. Layer: revocation.
 *
 * Threads: as marked; [rcu] is any thread registered with liburcu, and never blocks. */
#ifndef MRL_REVOCATION_REVOCATION_H
#define MRL_REVOCATION_REVOCATION_H

#include "crypto/cert.h"
#include "crypto/ocsp.h"
#include "keys/client.h"
#include "revocation/answers.h"
#include "revocation/lists.h"
#include "store/store.h"

enum { MRL_REVOCATION_CAS_MAX = 8 };

/* An index over the registry's credentials, to find what changed. After those of devices. */
extern const struct mrl_migration_list mrl_revocation_migrations;

/* [its thread] The answer about the server's own certificate, for its handshakes. */
typedef void mrl_revocation_staple(void *context, const struct mrl_fingerprint *leaf,
                                   mrl_bytes response);

struct mrl_revocation_config { /* copied; what it points to is borrowed and outlives it */
    struct mrl_store *store;
    struct mrl_audit *audit; /* may be NULL: no entry about the delegate */
    struct mrl_keys_client *keys;
    const struct mrl_cert_list *cas; /* all that issue; lists and answers are made for each */
    const char *const *also;         /* for mrl_changes_also */
    size_t also_count;
    const char *folder; /* of the files; made when missing */
    bool has_url;       /* the key process was told one: there are shards */
    uint64_t list_life_s, list_every_s, delta_every_s;
    uint64_t answer_life_s;
    size_t answers_kept; /* for each CA */
    mrl_revocation_staple *staple;
    void *staple_context;
};

struct mrl_revocation;
mrl_err mrl_revocation_new(const struct mrl_revocation_config *config, struct mrl_revocation **out,
                           struct mrl_why *why);
mrl_err mrl_revocation_start(struct mrl_revocation *r, struct mrl_why *why);
void mrl_revocation_stop(struct mrl_revocation *r); /* joins; NULL and not started are fine */
/* After the store was closed, when no reader is left. NULL is fine. */
void mrl_revocation_free(struct mrl_revocation *r);
MRL_AUTO_DEFINE(mrl_revocation);

/* [any] This certificate is the server's own from now on: it is known as good, and its answer is
 * given to staple from time to time until there is another one. NULL r: nothing. */
void mrl_revocation_set_own(struct mrl_revocation *r, const struct mrl_cert *leaf);

/* [rcu] The answer to a request (DER), appended to out: always one. MRL_OCSP_SUCCESSFUL: times are
 * set; anything else is a response of that status. */
enum mrl_ocsp_status mrl_revocation_answer(struct mrl_revocation *r, mrl_bytes request,
                                           struct mrl_buf *out, struct mrl_answer_times *times);
/* [rcu] A list by its file name; NULL: none. Given: mrl_list_give_back. */
struct mrl_list_view *mrl_revocation_list(struct mrl_revocation *r, mrl_bytes name);

/* [any] */
struct mrl_revocation_counts {
    uint64_t certificates; /* known, of all CAs */
    uint64_t answers;      /* signed and kept */
};
void mrl_revocation_count(const struct mrl_revocation *r, struct mrl_revocation_counts *out);

#endif
