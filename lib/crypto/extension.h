/* SPDX-License-Identifier: Apache-2.0 */
/* Extensions of certificates, requests and revocation lists (RFC 5280 4.1): read, and written
 * around their value. Layer: crypto. Thread: any. Not for other folders. */
#ifndef MRL_CRYPTO_EXTENSION_H
#define MRL_CRYPTO_EXTENSION_H

#include "crypto/der.h"

/* Views of what was read. Whether it is critical does not matter to any reader here. */
mrl_err mrl_extension_read(struct mrl_reader *r, mrl_bytes *oid, mrl_bytes *value);

void mrl_extension_begin(struct mrl_der *d, mrl_bytes oid, bool critical);
void mrl_extension_end(struct mrl_der *d);

#endif
