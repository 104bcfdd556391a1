/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the age format, version 1 (C2SP age), with X25519 recipients. Layer: crypto. Thread: one
 * owner. Streams: memory stays at two chunks of 64 KiB whatever the size of the file. Output goes
 * to a sink, whose error ends the stream and is returned as it is. After any error a stream answers
 * that error to every call. */
#ifndef MRL_CRYPTO_AGE_H
#define MRL_CRYPTO_AGE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

enum {
    MRL_AGE_KEY = 32,
    MRL_AGE_CHUNK = 65536,
    MRL_AGE_RECIPIENTS_MAX = 20,
    MRL_AGE_HEADER_MAX = 65536,
    MRL_AGE_STANZAS_MAX = 128,
    MRL_AGE_RECIPIENT_TEXT = 62, /* age1... */
    MRL_AGE_IDENTITY_TEXT = 74,  /* AGE-SECRET-KEY-1... */
};

struct mrl_age_recipient {
    uint8_t bytes[MRL_AGE_KEY];
};

struct mrl_age_sink {
    mrl_err (*write)(void *context, mrl_bytes data); /* borrows data for the call */
    void *context;
};

/* --- keys --- */

/* MRL_ERR_MALFORMED: not "age1" and 58 characters with a right checksum. */
mrl_err mrl_age_recipient_read(mrl_bytes text, struct mrl_age_recipient *out);
mrl_err mrl_age_recipient_write(const struct mrl_age_recipient *r,
                                char to[static MRL_AGE_RECIPIENT_TEXT + 1]);
mrl_err mrl_age_identity_new(struct mrl_secret **out); /* gives a fresh one */
/* From the text of an identity file: one key; empty lines and those from '#' on are comments.
 * MRL_ERR_MALFORMED: none, several, or another kind of key. Gives *out. */
mrl_err mrl_age_identity_read(mrl_bytes text, struct mrl_secret **out);
/* Gives the line of an identity file, without its end. */
mrl_err mrl_age_identity_write(const struct mrl_secret *identity, struct mrl_secret **out);
mrl_err mrl_age_identity_recipient(const struct mrl_secret *identity,
                                   struct mrl_age_recipient *out);

/* --- encryption --- */

struct mrl_age_writer;
/* Writes the header. 1 to MRL_AGE_RECIPIENTS_MAX recipients (MRL_ERR_INVALID), any of which can
 * open the file; MRL_ERR_CRYPTO: one is no usable point. Gives *out. */
mrl_err mrl_age_writer_new(const struct mrl_age_recipient *recipients, size_t count,
                           struct mrl_age_sink to, struct mrl_age_writer **out);
void mrl_age_writer_free(struct mrl_age_writer *w); /* NULL is fine; finishes nothing */
MRL_AUTO_DEFINE(mrl_age_writer);
mrl_err mrl_age_write(struct mrl_age_writer *w, mrl_bytes plain);
/* Without it the file is cut off, and readers refuse its end. */
mrl_err mrl_age_writer_end(struct mrl_age_writer *w);

/* --- decryption --- */

struct mrl_age_reader;
/* Copies identity. Gives *out. */
mrl_err mrl_age_reader_new(const struct mrl_secret *identity, struct mrl_age_sink to,
                           struct mrl_age_reader **out);
void mrl_age_reader_free(struct mrl_age_reader *r); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_age_reader);
/* The next bytes of the file. Only authenticated plaintext reaches the sink, in order.
 * MRL_ERR_MALFORMED: no age file; MRL_ERR_LIMIT: its header is larger than we read;
 * MRL_ERR_AUTH: not encrypted to this identity; MRL_ERR_CRYPTO: changed. */
mrl_err mrl_age_read(struct mrl_age_reader *r, mrl_bytes cipher);
/* The file is complete: only now is it known that nothing is missing. MRL_ERR_MALFORMED: cut off in
 * or before the first chunk; MRL_ERR_CRYPTO: the last chunk is changed or missing. */
mrl_err mrl_age_reader_end(struct mrl_age_reader *r);

#endif
