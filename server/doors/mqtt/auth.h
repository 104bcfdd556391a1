/* SPDX-License-Identifier: Apache-2.0 */
/* Enhanced authentication: a proof beside the certificate, which stays the identity. This is the
 * exchange and its mechanisms; authenticate.c ties it to packets. Layer: doors. Thread: the worker
 * of the connection. MQTT 5.0 4.12 */
#ifndef MRL_DOORS_MQTT_AUTH_H
#define MRL_DOORS_MQTT_AUTH_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hash.h"

/* What a proof is about. */
struct mrl_auth_peer {
    mrl_bytes binding; /* of the TLS connection: mrl_conn_channel_binding */
    struct mrl_fingerprint certificate;
};

/* begin and step take the client's Authentication Data, may be empty. MRL_OK: proved.
 * MRL_ERR_AGAIN: *answer (empty before) goes to the client. MRL_ERR_AUTH: not proved;
 * MRL_ERR_MALFORMED: not even data of this mechanism. */
struct mrl_auth_mechanism {
    const char *name; /* the Authentication Method */
    size_t state_size;
    mrl_err (*begin)(void *state, const struct mrl_auth_peer *peer, mrl_bytes data,
                     struct mrl_buf *answer);
    mrl_err (*step)(void *state, const struct mrl_auth_peer *peer, mrl_bytes data,
                    struct mrl_buf *answer);
};
const struct mrl_auth_mechanism *mrl_auth_find(mrl_bytes name); /* NULL: not offered */

/* The exchanges of one connection, one at a time, all with one mechanism. */
struct mrl_auth;
struct mrl_auth *mrl_auth_new(const struct mrl_auth_mechanism *m, const struct mrl_auth_peer *peer);
void mrl_auth_free(struct mrl_auth *a); /* NULL is fine */
const char *mrl_auth_method(const struct mrl_auth *a);
/* As the mechanism. MRL_ERR_STATE: one is running (begin), or none (step). What is not
 * MRL_ERR_AGAIN ends the exchange. */
mrl_err mrl_auth_begin(struct mrl_auth *a, mrl_bytes data, struct mrl_buf *answer);
mrl_err mrl_auth_step(struct mrl_auth *a, mrl_bytes data, struct mrl_buf *answer);

#endif
