/* SPDX-License-Identifier: Apache-2.0 */
/* What merlon-keys and merlon-unlock say to each other. Layer: keys, both sides. A message is one
 * packet; it holds secrets, so it lies in memory of a mrl_secret. */
#ifndef MRL_KEYS_UNLOCK_MESSAGE_H
#define MRL_KEYS_UNLOCK_MESSAGE_H

#include "base/reader.h"
#include "base/writer.h"
#include "keys/unlock_kind.h"

enum {
    MRL_UNLOCK_MESSAGE_MAX = 16 << 10,
    MRL_UNLOCK_MATERIAL = 32,
    MRL_UNLOCK_BLOB_MAX = 4 << 10,
    MRL_UNLOCK_TEXT_MAX = 1024,
};

enum mrl_unlock_operation {
    MRL_UNLOCK_MAKE = 'm',
    MRL_UNLOCK_OPEN = 'o',
    MRL_UNLOCK_HOLD = 'h',     /* stay logged in, for the next two; without a PIN from then on */
    MRL_UNLOCK_MAKE_KEY = 'k', /* a signing key that cannot leave */
    MRL_UNLOCK_SIGN = 's',
};

/* Texts are empty when not given and never hold a NUL. */
struct mrl_unlock_request {
    enum mrl_unlock_operation operation;
    enum mrl_unlock_kind kind; /* one with hardware */
    mrl_bytes tcti;
    mrl_bytes pcrs;
    mrl_bytes module;
    mrl_bytes token;
    mrl_bytes key;
    mrl_bytes pin;
    mrl_bytes blob; /* OPEN: what lies in the folder; SIGN: the key as MAKE_KEY gave it */
    mrl_bytes data; /* MAKE_KEY: one byte, enum mrl_unlock_key; SIGN: what is signed */
};
/* MRL_ERR_MALFORMED. Views into the message. */
mrl_err mrl_unlock_read_request(mrl_bytes message, struct mrl_unlock_request *out);
mrl_err mrl_unlock_write_request(const struct mrl_unlock_request *q, struct mrl_writer *w);

/* The signing keys there can be; numbers on the wire. */
enum mrl_unlock_key {
    MRL_UNLOCK_P256 = 1,
    MRL_UNLOCK_P384,
    MRL_UNLOCK_ED25519,
    MRL_UNLOCK_KEY_END_
};

/* What MAKE_KEY gives: how to name the key again, and its SubjectPublicKeyInfo. */
struct mrl_unlock_made {
    mrl_bytes reference;
    mrl_bytes spki;
};
mrl_err mrl_unlock_read_made(mrl_bytes content, struct mrl_unlock_made *out);
mrl_err mrl_unlock_write_made(const struct mrl_unlock_made *m, struct mrl_writer *w);

/* Of MAKE: the blob to keep; of OPEN: MRL_UNLOCK_MATERIAL secret bytes; of HOLD nothing; of
 * MAKE_KEY see above; of SIGN the signature: DER for ECDSA (RFC 5758 3.2), 64 bytes for Ed25519. */
struct mrl_unlock_answer {
    mrl_err err;
    mrl_bytes content; /* or, with an error, its sentence */
};
mrl_err mrl_unlock_read_answer(mrl_bytes message, struct mrl_unlock_answer *out);
mrl_err mrl_unlock_write_answer(const struct mrl_unlock_answer *a, struct mrl_writer *w);

#endif
