/* SPDX-License-Identifier: Apache-2.0 */
/* Personal fields of an entry: the entry holds a commitment, the opening lies sealed beside it and
 * can be erased without a change of the entry. Layer: server/audit. Thread: any.
 *
 * Commitment: "sha256:" and the lower-case hex of SHA-256(salt | field | NUL | value). */
#ifndef MRL_AUDIT_OPENING_H
#define MRL_AUDIT_OPENING_H

#include "base/buf.h"
#include "base/err.h"

enum {
    MRL_AUDIT_SALT = 16,
    MRL_AUDIT_OPENINGS_MAX = 4,
    MRL_AUDIT_FIELD_MAX = 32,          /* bytes of a field's name */
    MRL_AUDIT_VALUE_MAX = 1024,        /* bytes of a value */
    MRL_AUDIT_COMMITMENT = 7 + 2 * 32, /* characters */
    MRL_AUDIT_OPENINGS_BYTES_MAX =
        2 +
        MRL_AUDIT_OPENINGS_MAX * (4 + MRL_AUDIT_FIELD_MAX + MRL_AUDIT_SALT + MRL_AUDIT_VALUE_MAX),
};

struct mrl_audit_opening {
    mrl_bytes field; /* "actor.id", "source", "target" */
    uint8_t salt[MRL_AUDIT_SALT];
    mrl_bytes value;
};
struct mrl_audit_openings {
    size_t count;
    struct mrl_audit_opening at[MRL_AUDIT_OPENINGS_MAX];
};

/* The commitment as text with a NUL. MRL_ERR_LIMIT: field or value is too long. MRL_ERR_CRYPTO. */
mrl_err mrl_audit_commit(const struct mrl_audit_opening *o,
                         char to[static MRL_AUDIT_COMMITMENT + 1]);
/* MRL_ERR_CORRUPT: o is not what commitment was made of. */
mrl_err mrl_audit_opening_check(const struct mrl_audit_opening *o, mrl_bytes commitment);
/* The opening of a field; NULL: there is none (or it was erased). */
const struct mrl_audit_opening *mrl_audit_opening_of(const struct mrl_audit_openings *o,
                                                     mrl_bytes field);

/* What is sealed: version u8, count u8, then each as field (blob16), salt, value (blob16). */
mrl_err mrl_audit_openings_write(const struct mrl_audit_openings *o, struct mrl_buf *out);
/* Views of bytes. MRL_ERR_MALFORMED. */
mrl_err mrl_audit_openings_read(mrl_bytes bytes, struct mrl_audit_openings *out);

#endif
