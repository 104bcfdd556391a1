/* SPDX-License-Identifier: Apache-2.0 */
/* unlock.tpm and unlock.pkcs11, written and read. They hold nothing secret, and nothing in them is
 * believed: what is changed in them does not open. Layer: keys, merlon-unlock. */
#ifndef MRL_KEYS_HARDWARE_BLOB_H
#define MRL_KEYS_HARDWARE_BLOB_H

#include "base/writer.h"
#include "keys/hardware/pcrs.h"

enum { MRL_BLOB_NAME_MAX = 66, MRL_BLOB_PART_MAX = 1024, MRL_BLOB_IV_MAX = 64 };

/*   "MRLTPM2\n"  version u8  pin u8  bank u16  mask u32  then blob16 of each part */
struct mrl_tpm_blob {
    bool has_pin;
    struct mrl_pcrs pcrs;
    mrl_bytes storage_name;     /* of the key it is sealed under: another after a clear */
    mrl_bytes endorsement_name; /* of a key that a clear leaves as it is; may be empty */
    mrl_bytes public_area;      /* TPM2B_PUBLIC and TPM2B_PRIVATE as the TPM gave them */
    mrl_bytes private_area;
};
mrl_err mrl_tpm_blob_read(mrl_bytes file, struct mrl_tpm_blob *out); /* MRL_ERR_MALFORMED */
mrl_err mrl_tpm_blob_write(const struct mrl_tpm_blob *b, struct mrl_writer *w);

/*   "MRLP11K\n"  version u8  iv blob16  ciphertext blob16 (AES-256-GCM, tag of 16 at its end) */
struct mrl_pkcs11_blob {
    mrl_bytes iv;
    mrl_bytes ciphertext;
};
mrl_err mrl_pkcs11_blob_read(mrl_bytes file, struct mrl_pkcs11_blob *out); /* MRL_ERR_MALFORMED */
mrl_err mrl_pkcs11_blob_write(const struct mrl_pkcs11_blob *b, struct mrl_writer *w);

#endif
