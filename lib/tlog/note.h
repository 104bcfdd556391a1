/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes (c2sp.org/signed-note): a text and lines of signatures below it. Layer: tlog.
 * Thread: any. A note from outside is read strictly, but signatures of unknown kinds are kept
 * unread. */
#ifndef MRL_TLOG_NOTE_H
#define MRL_TLOG_NOTE_H

#include "base/buf.h"
#include "crypto/key.h"
#include "tlog/hash.h"

enum {
    MRL_NOTE_MAX = 1 << 20,
    MRL_NOTE_SIGNATURES_MAX = 32,
    MRL_NOTE_NAME_MAX = 255,
    MRL_NOTE_SIGNATURE_MAX =
        128,                 /* bytes without the key id; longer ones are of kinds we do not know */
    MRL_NOTE_VKEY_MAX = 384, /* text of a verifier key, with NUL */
};
enum mrl_note_kind {
    MRL_NOTE_ED25519 = 0x01,     /* signature over the text: logs */
    MRL_NOTE_COSIGNATURE = 0x04, /* c2sp.org/tlog-cosignature, timestamped Ed25519: witnesses */
};

/* A verifier key "name+hash+base64". Opened with mrl_note_key_parse, closed with _done. */
struct mrl_note_key {
    char name[MRL_NOTE_NAME_MAX + 1];
    uint32_t id; /* first four bytes of SHA-256(name | LF | kind | key) */
    enum mrl_note_kind kind;
    struct mrl_key *key; /* owned */
};
/* MRL_ERR_MALFORMED, or MRL_ERR_UNSUPPORTED for another kind, with a sentence. */
mrl_err mrl_note_key_parse(mrl_bytes vkey, struct mrl_note_key *out, struct mrl_why *why);
/* From a raw Ed25519 public key of 32 bytes. MRL_ERR_INVALID: not a name. */
mrl_err mrl_note_key_make(mrl_bytes name, enum mrl_note_kind kind, mrl_bytes public_key,
                          struct mrl_note_key *out);
void mrl_note_key_done(struct mrl_note_key *k);
mrl_err mrl_note_key_format(const struct mrl_note_key *k, char to[static MRL_NOTE_VKEY_MAX]);

struct mrl_note_signature {
    mrl_bytes name;
    uint32_t id;
    uint16_t len;                          /* above MRL_NOTE_SIGNATURE_MAX: bytes were not kept */
    uint8_t bytes[MRL_NOTE_SIGNATURE_MAX]; /* decoded, without the key id */
};
struct mrl_note {   /* views into what was read */
    mrl_bytes text; /* with its last LF */
    size_t count;
    struct mrl_note_signature signatures[MRL_NOTE_SIGNATURES_MAX];
};
/* MRL_ERR_MALFORMED with a sentence; more signatures than fit: MRL_ERR_LIMIT. */
mrl_err mrl_note_read(mrl_bytes note, struct mrl_note *out, struct mrl_why *why);

/* MRL_OK: a signature of k is there and holds; *time (may be NULL) is that of a cosignature,
 * seconds since 1970 (the newest of several), else 0. MRL_ERR_NOT_FOUND: none of k. MRL_ERR_CRYPTO:
 * one that does not hold. */
mrl_err mrl_note_check(const struct mrl_note *n, const struct mrl_note_key *k, uint64_t *time);

/* Appends a signature line ("— name base64", RFC 4648 4) for a signature that was made elsewhere.
 * MRL_ERR_INVALID: not a name, or an empty signature; MRL_ERR_NO_SPACE: a signature too long. */
mrl_err mrl_note_put_signature(struct mrl_buf *note, mrl_bytes name, uint32_t id,
                               mrl_bytes signature);
/* What a cosigner signs: "cosignature/v1\ntime <t>\n" and the text. Appends to out. The signature
 * in a note is then the time (u64, big-endian) followed by the Ed25519 signature. */
mrl_err mrl_cosignature_message(mrl_bytes text, uint64_t time, struct mrl_buf *out);

#endif
