/* SPDX-License-Identifier: Apache-2.0 */
/* The mechanism MERLON-KEY-PROOF-1: the client signs a nonce of ours and this TLS connection with
 * the key of its certificate, so that who holds a connection or a ticket shows that it holds the
 * key as well, now. Nothing is stored for it. docs/operate/mqtt.md. Layer: doors. Thread: any. */
#ifndef MRL_DOORS_MQTT_AUTH_PROOF_H
#define MRL_DOORS_MQTT_AUTH_PROOF_H

#include "doors/mqtt/auth.h"

enum { MRL_AUTH_NONCE = 32, MRL_AUTH_PROOF_MAX = 8192 };

extern const struct mrl_auth_mechanism mrl_auth_proof;

/* The client's answer: certificate (DER, its length in two bytes before it), then the signature.
 * Views. MRL_ERR_MALFORMED: cut, a part is empty, or longer than MRL_AUTH_PROOF_MAX. */
struct mrl_auth_proof_answer {
    mrl_bytes certificate;
    mrl_bytes signature;
};
mrl_err mrl_auth_proof_read(mrl_bytes data, struct mrl_auth_proof_answer *out);
/* What is signed. */
mrl_err mrl_auth_proof_text(mrl_bytes binding, mrl_bytes nonce, struct mrl_buf *out);

#endif
