/* SPDX-License-Identifier: Apache-2.0 */
/* Verification of the log without a store: also for the command line, over exported rows. Layer:
 * server/audit, needs only base and crypto. Thread: one owner.
 *
 * hash(n) = SHA-256(0x00 | hash(n-1) | canonical text of n), hash(0) = 32 zero bytes. A signed head
 * is Ed25519 over "merlon audit head v1\n<size>\n<hash, lower-case hex>\n".
 * What it finds: any change, removal, insertion or new order up to the newest signed head, and a
 * removed tail while a later signed head is still there. Who removes tail and heads together is
 * found only by a head kept elsewhere (give it to mrl_audit_chain_head as well). */
#ifndef MRL_AUDIT_CHAIN_H
#define MRL_AUDIT_CHAIN_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/key.h"

enum { MRL_AUDIT_HASH_SIZE = MRL_SHA256_SIZE, MRL_AUDIT_HEAD_TEXT_MAX = 128 };

struct mrl_audit_row {
    uint64_t seq;
    mrl_bytes json; /* canonical text */
    mrl_bytes hash;
};
struct mrl_audit_head {
    uint64_t size; /* entries: the seq of the last one; 0: the empty log */
    uint8_t hash[MRL_AUDIT_HASH_SIZE];
};
struct mrl_audit_signed_head {
    uint64_t size;
    mrl_bytes hash;
    mrl_bytes signature;
};

/* hash(n) from hash(n-1) and the canonical text of n. */
mrl_err mrl_audit_chain_next(const uint8_t before[static MRL_AUDIT_HASH_SIZE], mrl_bytes json,
                             uint8_t out[static MRL_AUDIT_HASH_SIZE]);
/* What is signed, with a terminating NUL that is not part of it. */
void mrl_audit_head_text(const struct mrl_audit_head *h, char to[static MRL_AUDIT_HEAD_TEXT_MAX]);

/* A walk over the log; start with {0}. Feed every row in order of seq, and each signed head after
 * the row of its size; a head of a size not reached at the end is a removed tail. */
struct mrl_audit_chain {
    struct mrl_audit_head at;
    uint64_t bad;         /* first entry that is wrong or missing; 0: none yet */
    uint64_t signed_size; /* largest signed head that held */
};
/* MRL_ERR_CORRUPT: c->bad and why say which entry and what; later calls give the same. */
mrl_err mrl_audit_chain_row(struct mrl_audit_chain *c, const struct mrl_audit_row *row,
                            struct mrl_why *why);
/* key: the audit public key. MRL_ERR_CORRUPT: the signature is not by key, the hash is another than
 * that of the log, or the log ends before size (c->bad is then the first entry that is missing). */
mrl_err mrl_audit_chain_head(struct mrl_audit_chain *c, const struct mrl_audit_signed_head *h,
                             const struct mrl_key *key, struct mrl_why *why);

#endif
