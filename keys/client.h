/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side of the key process: blocking calls. Layer: keys.
 * Thread: any number of service threads at once, never a worker (calls block). The key process
 * works on one request at a time; callers queue, and waiting counts against their timeout.
 *
 * Every call may return MRL_ERR_CLOSED (the key process is gone: no later call will succeed),
 * MRL_ERR_TIMEOUT (it may still have done the work: signing or issuing twice is harmless),
 * MRL_ERR_LIMIT (request too large), MRL_ERR_MALFORMED (one side broke the protocol), or the
 * refusal of the key process with its sentence in why: MRL_ERR_DENIED (policy), MRL_ERR_INVALID (a
 * value in the request), MRL_ERR_BUSY (rate limit, retry later), MRL_ERR_STATE, MRL_ERR_CRYPTO,
 * MRL_ERR_IO. Outputs are written only on MRL_OK. */
#ifndef MRL_KEYS_CLIENT_H
#define MRL_KEYS_CLIENT_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/secret.h"
#include "keys/message.h"

struct mrl_keys_client;

/* Takes fd (a connected SOCK_SEQPACKET socket). pid is what stands behind it, or 0; timeout_ms is
 * that of each call. */
mrl_err mrl_keys_client_new(int fd, pid_t pid, unsigned timeout_ms, struct mrl_keys_client **out);
/* Closes the socket, at which the key process exits, and waits for it: at most two seconds, then it
 * is killed. No call may be in progress. NULL is fine. */
void mrl_keys_client_free(struct mrl_keys_client *c);
MRL_AUTO_DEFINE(mrl_keys_client);

/* The process behind it, for pidfd_open: the daemon stops when it dies. Do not reap it. */
pid_t mrl_keys_client_pid(const struct mrl_keys_client *c);

/* Of later calls, in milliseconds. */
void mrl_keys_client_set_timeout(struct mrl_keys_client *c, unsigned timeout_ms);

mrl_err mrl_keys_ping(struct mrl_keys_client *c, struct mrl_why *why);

/* Facts with the memory they point into: MRL_SCOPED(mrl_keys_info) info = {0}; */
struct mrl_keys_info {
    struct mrl_keys_facts facts;
    struct mrl_buf memory; /* owned */
};
mrl_err mrl_keys_info_get(struct mrl_keys_client *c, struct mrl_keys_info *out,
                          struct mrl_why *why);
void mrl_keys_info_done(struct mrl_keys_info *info);

/* Appends the certificate (DER) to der. */
mrl_err mrl_keys_issue(struct mrl_keys_client *c, const struct mrl_keys_issue *want,
                       struct mrl_buf *der, struct mrl_why *why);

/* Ed25519 over the text of a checkpoint (tlog/checkpoint.h) of origin mrl_keys_audit_origin: with
 * mrl_note_put_signature it becomes a note. The key process signs only what is consistent with what
 * it signed last, or for its first request with want->note, which must bear its own signature (no
 * note: the log has no checkpoint yet, and old is 0). The same size and root again is always fine.
 * MRL_ERR_DENIED: it is not consistent. MRL_ERR_STATE: want->old is not the size signed last: after
 * MRL_ERR_TIMEOUT, or when a signed checkpoint could not be stored, ask for that one again first,
 * or go on from its size. */
mrl_err mrl_keys_sign_checkpoint(struct mrl_keys_client *c, const struct mrl_keys_checkpoint *want,
                                 uint8_t signature[static MRL_KEYS_SIGNATURE_SIZE],
                                 struct mrl_why *why);

/* One step of a revocation list: what it is answered with is appended to out. MRL_ERR_DENIED: its
 * number is not above the last of its kind, or its times are not acceptable; MRL_ERR_INVALID: no
 * such CA, or a value is not acceptable; MRL_ERR_STATE: ADD or END without BEGIN, or not the
 * entries that were announced. */
mrl_err mrl_keys_sign_crl(struct mrl_keys_client *c, const struct mrl_keys_crl *want,
                          struct mrl_buf *out, struct mrl_why *why);

/* Seals a 32-byte key under the sealing root key; context (1 to MRL_KEYS_CONTEXT_MAX bytes) must be
 * given again to unwrap. Appends to sealed. */
mrl_err mrl_keys_wrap(struct mrl_keys_client *c, mrl_bytes context, mrl_bytes key,
                      struct mrl_buf *sealed, struct mrl_why *why);
/* MRL_ERR_CRYPTO: not sealed by this keystore, or for another context. Gives *key. */
mrl_err mrl_keys_unwrap(struct mrl_keys_client *c, mrl_bytes context, mrl_bytes sealed,
                        struct mrl_secret **key, struct mrl_why *why);

#endif
