/* SPDX-License-Identifier: Apache-2.0 */
/* Answers requests. Layer: keys. Thread: one owner. */
#ifndef MRL_KEYS_SERVE_H
#define MRL_KEYS_SERVE_H

#include "base/buf.h"
#include "keys/crl.h"
#include "keys/keystore.h"
#include "keys/policy.h"

struct mrl_keys_server {
    struct mrl_keystore *keystore; /* borrowed */
    struct mrl_policy policy;
    struct mrl_keys_crls crls;
    uint16_t landlock_abi;
    uint64_t served;
    uint64_t refused;
    uint64_t malformed;
};

/* One message. true: *reply has what goes back. A message that is no request is counted, and
 * answered only when its type and id could be read. reply is cleared first; it may hold secrets:
 * the caller wipes it. */
bool mrl_keys_handle(struct mrl_keys_server *s, mrl_bytes message, struct mrl_writer *reply);
/* The same for a packet that was larger than MRL_KEYS_MESSAGE_MAX: start is what was read of it. */
bool mrl_keys_handle_oversize(struct mrl_keys_server *s, mrl_bytes start, struct mrl_writer *reply);

/* Until the other side closes: MRL_OK. MRL_ERR_IO: the socket failed. */
mrl_err mrl_keys_serve(struct mrl_keys_server *s, int fd);

/* Uses each algorithm once, so that OpenSSL has loaded what it loads lazily before the sandbox
 * closes. */
mrl_err mrl_keys_warm_up(const struct mrl_keystore *k, struct mrl_why *why);

#endif
