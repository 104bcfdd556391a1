/* SPDX-License-Identifier: Apache-2.0 */
/* Error classes: what a caller can act on, not where it happened. Layer: base.
 * The type is must-use: a call whose mrl_err is dropped does not compile without (void) and a
 * reason. */
#ifndef MRL_BASE_ERR_H
#define MRL_BASE_ERR_H

#include "base/attr.h"

typedef enum MRL_NODISCARD mrl_err {
    MRL_OK,
    MRL_ERR_MALFORMED,   /* bytes that break their format: drop the peer or refuse the file */
    MRL_ERR_LIMIT,       /* well-formed but larger or more than a configured limit */
    MRL_ERR_DENIED,      /* known who, not allowed */
    MRL_ERR_AUTH,        /* not known who: credential missing, wrong, expired or revoked */
    MRL_ERR_NOT_FOUND,   /* the named thing does not exist */
    MRL_ERR_EXISTS,      /* the named thing exists already */
    MRL_ERR_STATE,       /* not possible in the present state */
    MRL_ERR_INVALID,     /* a value an operator or caller gave is not acceptable */
    MRL_ERR_AGAIN,       /* not now, nothing is wrong: wait for more bytes or readiness */
    MRL_ERR_BUSY,        /* overloaded: retry later */
    MRL_ERR_TIMEOUT,     /* the other side did not answer in time */
    MRL_ERR_CLOSED,      /* the other side is gone */
    MRL_ERR_NO_SPACE,    /* output does not fit, or the disk is full */
    MRL_ERR_IO,          /* the operating system failed a read, write or open */
    MRL_ERR_CRYPTO,      /* a cryptographic operation failed or a check did not hold */
    MRL_ERR_CORRUPT,     /* our own stored data fails its check: tell the operator */
    MRL_ERR_UNSUPPORTED, /* valid, but not something this build or peer can do */
    MRL_ERR_COUNT_
} mrl_err;

/* Stable lower-case name for logs and metrics, e.g. "malformed". Never NULL. */
const char *mrl_err_name(mrl_err err);

#define MRL_TRY(call)          \
    do {                       \
        mrl_err err_ = (call); \
        if (err_ != MRL_OK)    \
            return err_;       \
    } while (0)
#define MRL_ENSURE(cond, err) \
    do {                      \
        if (!(cond))          \
            return (err);     \
    } while (0)

/* The sentence for the operator or peer beside the class. Optional last parameter everywhere: NULL
 * is fine. UTF-8, whatever was printed into it: it becomes part of JSON and CBOR. */
struct mrl_why {
    char text[256];
};

/* Sets why (when not NULL) and gives err, so that a failure is one line:
 *     return mrl_fail(why, MRL_ERR_INVALID, "line %u: unknown key", line);
 * A macro, for a compiler that sees the class knows that outputs are set wherever they are read. */
#define mrl_fail(why, err, ...) (mrl_why_set((why), __VA_ARGS__), (err))
void mrl_why_set(struct mrl_why *why, const char *format, ...) MRL_PRINTF(2, 3);

#endif
