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

enum mrl_unlock_operation { MRL_UNLOCK_MAKE = 'm', MRL_UNLOCK_OPEN = 'o' };

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
    mrl_bytes blob; /* MRL_UNLOCK_OPEN: what lies in the folder */
};
/* MRL_ERR_MALFORMED. Views into the message. */
mrl_err mrl_unlock_read_request(mrl_bytes message, struct mrl_unlock_request *out);
mrl_err mrl_unlock_write_request(const struct mrl_unlock_request *q, struct mrl_writer *w);

/* Of MAKE: the blob to keep; of OPEN: MRL_UNLOCK_MATERIAL secret bytes. */
struct mrl_unlock_answer {
    mrl_err err;
    mrl_bytes content; /* or, with an error, its sentence */
};
mrl_err mrl_unlock_read_answer(mrl_bytes message, struct mrl_unlock_answer *out);
mrl_err mrl_unlock_write_answer(const struct mrl_unlock_answer *a, struct mrl_writer *w);

#endif
