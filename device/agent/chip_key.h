/* SPDX-License-Identifier: Apache-2.0 */
/* A key of the TPM as text: PEM "TSS2 PRIVATE KEY", which other programs for TPMs write too.
 * Nothing in it is secret: its private part is encrypted by the TPM, for that TPM. Layer: device.
 * Thread: any. Pure. */
#ifndef MRL_AGENT_CHIP_KEY_H
#define MRL_AGENT_CHIP_KEY_H

#include "base/buf.h"
#include "base/err.h"

enum { MRL_CHIP_KEY_PART_MAX = 1024 }; /* bytes of each half; MRL_ERR_LIMIT above */

struct mrl_chip_key {
    mrl_bytes public_area;  /* TPM2B_PUBLIC */
    mrl_bytes private_area; /* TPM2B_PRIVATE */
};
mrl_err mrl_chip_key_write(const struct mrl_chip_key *key, struct mrl_buf *pem);

/* Is there such a key in this PEM text, whatever else is? */
bool mrl_chip_key_is_in(mrl_bytes pem);
/* The first one: a loadable key under the storage key of the owner hierarchy, without password. Its
 * halves are views into der, to which its bytes are appended. MRL_ERR_NOT_FOUND, MRL_ERR_MALFORMED,
 * MRL_ERR_UNSUPPORTED: with a password or a policy, or under another parent. */
mrl_err mrl_chip_key_read(mrl_bytes pem, struct mrl_buf *der, struct mrl_chip_key *out);

#endif
