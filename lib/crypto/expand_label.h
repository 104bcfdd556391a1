/* SPDX-License-Identifier: Apache-2.0 */
/* HKDF-Expand-Label of TLS 1.3 (RFC 8446 7.1), for outputs of at most one digest: all that keys,
 * nonces and secrets of the record layer need; and the step from one secret of its key schedule to
 * the next. Layer: crypto. Thread: any. */
#ifndef MRL_CRYPTO_EXPAND_LABEL_H
#define MRL_CRYPTO_EXPAND_LABEL_H

#include "base/bytes.h"
#include "base/err.h"

enum mrl_label_hash { MRL_LABEL_SHA256, MRL_LABEL_SHA384, MRL_LABEL_HASH_COUNT_ };
enum { MRL_LABEL_HASH_MAX = 48 };

size_t mrl_label_hash_size(enum mrl_label_hash hash);
enum { MRL_LABEL_MAX = 12 };
/* label is without "tls13 ", at most MRL_LABEL_MAX bytes; context has at most MRL_LABEL_HASH_MAX;
 * len in 1 to the size of the digest. MRL_ERR_INVALID otherwise; MRL_ERR_CRYPTO: OpenSSL could not
 * do it. to may be where secret is; it is written on success only. */
mrl_err mrl_expand_label(enum mrl_label_hash hash, mrl_bytes secret, mrl_bytes label,
                         mrl_bytes context, uint8_t *to, size_t len);

/* Derive-Secret(before, label, "") and HKDF-Extract with that as the salt (RFC 8446 7.1). Neither
 * has a byte, where the schedule begins or has nothing to put in: zeros take its place. Otherwise
 * before has the size of the digest (MRL_ERR_INVALID), input any size. to has that of the digest.
 */
mrl_err mrl_next_secret(enum mrl_label_hash hash, mrl_bytes before, mrl_bytes label,
                        mrl_bytes input, uint8_t *to);

#endif
