/* SPDX-License-Identifier: Apache-2.0 */
/* Bech32 text of 32-byte keys (BIP 173, without its limit of 90 characters). Layer: crypto.
 * Thread: any. */
#ifndef MRL_CRYPTO_BECH32_H
#define MRL_CRYPTO_BECH32_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"

enum { MRL_BECH32_DATA = 32, MRL_BECH32_PREFIX_MAX = 16, MRL_BECH32_TEXT_MAX = 16 + 1 + 52 + 6 };

/* Lower case, with a terminating NUL. prefix is of lower-case letters and '-', at most
 * MRL_BECH32_PREFIX_MAX of them (MRL_ERR_INVALID). */
mrl_err mrl_bech32_write(mrl_bytes prefix, const uint8_t data[static MRL_BECH32_DATA],
                         char to[static MRL_BECH32_TEXT_MAX + 1]);
/* Lower or upper case, never mixed. MRL_ERR_MALFORMED: another prefix, a character or a checksum
 * that is wrong, bits left over, another length. out is written only on success. */
mrl_err mrl_bech32_read(mrl_bytes text, mrl_bytes prefix, uint8_t out[static MRL_BECH32_DATA]);

#endif
