/* SPDX-License-Identifier: Apache-2.0 */
/* Public areas of TPM 2.0 objects, their Names and their keys, read without a TPM library. Layer:
 * crypto. Thread: any. Views live as long as the input. Sections are those of the TPM 2.0 Library
 * specification. */
#ifndef MRL_CRYPTO_TPM2_PUBLIC_H
#define MRL_CRYPTO_TPM2_PUBLIC_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/reader.h"
#include "crypto/key.h"

/* Part 2, 6.3 and 6.4 */
enum mrl_tpm2_id {
    MRL_TPM2_RSA = 0x0001,
    MRL_TPM2_AES = 0x0006,
    MRL_TPM2_SHA256 = 0x000b,
    MRL_TPM2_SHA384 = 0x000c,
    MRL_TPM2_SHA512 = 0x000d,
    MRL_TPM2_NULL = 0x0010,
    MRL_TPM2_RSASSA = 0x0014,
    MRL_TPM2_RSAES = 0x0015,
    MRL_TPM2_RSAPSS = 0x0016,
    MRL_TPM2_OAEP = 0x0017,
    MRL_TPM2_ECDSA = 0x0018,
    MRL_TPM2_ECDH = 0x0019,
    MRL_TPM2_ECDAA = 0x001a,
    MRL_TPM2_ECMQV = 0x001d,
    MRL_TPM2_ECC = 0x0023,
    MRL_TPM2_CFB = 0x0043,
};
enum { MRL_TPM2_P256 = 0x0003, MRL_TPM2_P384 = 0x0004 };

/* TPMA_OBJECT, part 2, 8.3.2 */
enum mrl_tpm2_attribute {
    MRL_TPM2_FIXED_TPM = 1 << 1,
    MRL_TPM2_FIXED_PARENT = 1 << 4,
    MRL_TPM2_SENSITIVE_DATA_ORIGIN = 1 << 5,
    MRL_TPM2_RESTRICTED = 1 << 16,
    MRL_TPM2_DECRYPT = 1 << 17,
    MRL_TPM2_SIGN = 1 << 18,
};

enum {
    MRL_TPM2_PUBLIC_MAX = 1024, /* bytes of a TPM2B_PUBLIC; MRL_ERR_LIMIT above */
    MRL_TPM2_DIGEST_MAX = 64,
    MRL_TPM2_NAME_MAX = 2 + MRL_TPM2_DIGEST_MAX,
};

struct mrl_tpm2_scheme {
    uint16_t id;   /* MRL_TPM2_NULL: any */
    uint16_t hash; /* 0: the scheme has none */
};

/* A TPMT_PUBLIC of an RSA or ECC key. */
struct mrl_tpm2_public {
    mrl_bytes area; /* all of it: what the Name is the digest of */
    uint16_t type;  /* MRL_TPM2_RSA or MRL_TPM2_ECC */
    uint16_t name_alg;
    uint32_t attributes;
    mrl_bytes policy;
    uint16_t symmetric; /* of a storage key, else MRL_TPM2_NULL */
    uint16_t symmetric_bits;
    uint16_t symmetric_mode;
    struct mrl_tpm2_scheme scheme;
    uint16_t rsa_bits;
    uint32_t rsa_exponent; /* 65537 where the TPM wrote 0. Part 2, 12.2.3.5 */
    uint16_t curve;
    mrl_bytes x; /* modulus of an RSA key */
    mrl_bytes y;
};
/* One TPM2B_PUBLIC and nothing after it. MRL_ERR_MALFORMED; MRL_ERR_UNSUPPORTED: neither RSA nor
 * ECC, or an algorithm whose length is not known here; MRL_ERR_LIMIT. */
mrl_err mrl_tpm2_public_read(mrl_bytes tpm2b, struct mrl_tpm2_public *out);
/* Its key; errors as mrl_key_from_spki. Gives *out. */
mrl_err mrl_tpm2_public_key(const struct mrl_tpm2_public *p, struct mrl_key **out,
                            struct mrl_why *why);

/* Digest size; 0: not one of SHA-256, SHA-384 and SHA-512. *name is what OpenSSL calls it. */
size_t mrl_tpm2_digest_size(uint16_t alg);
const char *mrl_tpm2_digest_name(uint16_t alg);

/* Part 1, 16: nameAlg and digest. */
struct mrl_tpm2_name {
    size_t len;
    uint8_t bytes[MRL_TPM2_NAME_MAX];
};
static inline mrl_bytes mrl_tpm2_name_bytes(const struct mrl_tpm2_name *n)
{
    return mrl_bytes_of(n->bytes, n->len);
}
/* MRL_ERR_UNSUPPORTED: nameAlg is none of the three. */
mrl_err mrl_tpm2_name_of(const struct mrl_tpm2_public *p, struct mrl_tpm2_name *out);
/* Qualified Name of an object of this Name under a parent of this Qualified Name; of a hierarchy it
 * is its handle, mrl_tpm2_hierarchy. Part 1, 26.5 */
mrl_err mrl_tpm2_qualify(mrl_bytes parent, const struct mrl_tpm2_name *name,
                         struct mrl_tpm2_name *out);
enum mrl_tpm2_hierarchy { MRL_TPM2_OWNER = 0x40000001, MRL_TPM2_ENDORSEMENT = 0x4000000b };
struct mrl_tpm2_name mrl_tpm2_hierarchy(enum mrl_tpm2_hierarchy h);

#endif
