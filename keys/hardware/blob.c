/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/hardware/blob.h"

#include "base/reader.h"

#define TPM_MAGIC MRL_LIT("MRLTPM2\n")
#define PKCS11_MAGIC MRL_LIT("MRLP11K\n")
enum { VERSION = 1 };

static mrl_err read_start(struct mrl_reader *r, mrl_bytes magic)
{
    mrl_bytes found;
    uint8_t version;

    MRL_TRY(mrl_read_bytes(r, magic.len, &found));
    MRL_ENSURE(mrl_bytes_eq(found, magic), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_u8(r, &version));
    return version == VERSION ? MRL_OK : MRL_ERR_MALFORMED;
}

static mrl_err read_part(struct mrl_reader *r, size_t least, size_t most, mrl_bytes *out)
{
    mrl_bytes part;

    MRL_TRY(mrl_read_blob16(r, &part));
    MRL_ENSURE(part.len >= least && part.len <= most, MRL_ERR_MALFORMED);
    *out = part;
    return MRL_OK;
}

static mrl_err read_conditions(struct mrl_reader *r, struct mrl_tpm_blob *b)
{
    uint8_t pin;

    MRL_TRY(mrl_read_u8(r, &pin));
    MRL_ENSURE(pin <= 1, MRL_ERR_MALFORMED);
    b->has_pin = pin == 1;
    MRL_TRY(mrl_read_u16(r, &b->pcrs.bank));
    MRL_TRY(mrl_read_u32(r, &b->pcrs.mask));
    return mrl_pcrs_valid(&b->pcrs) ? MRL_OK : MRL_ERR_MALFORMED;
}

mrl_err mrl_tpm_blob_read(mrl_bytes file, struct mrl_tpm_blob *out)
{
    struct mrl_reader r = {file};
    struct mrl_tpm_blob b = {0};

    MRL_TRY(read_start(&r, TPM_MAGIC));
    MRL_TRY(read_conditions(&r, &b));
    MRL_TRY(read_part(&r, 1, MRL_BLOB_NAME_MAX, &b.storage_name));
    MRL_TRY(read_part(&r, 0, MRL_BLOB_NAME_MAX, &b.endorsement_name));
    MRL_TRY(read_part(&r, 1, MRL_BLOB_PART_MAX, &b.public_area));
    MRL_TRY(read_part(&r, 1, MRL_BLOB_PART_MAX, &b.private_area));
    MRL_TRY(mrl_reader_end(&r));
    *out = b;
    return MRL_OK;
}

mrl_err mrl_tpm_blob_write(const struct mrl_tpm_blob *b, struct mrl_writer *w)
{
    mrl_bytes written;

    mrl_put_bytes(w, TPM_MAGIC);
    mrl_put_u8(w, VERSION);
    mrl_put_u8(w, b->has_pin ? 1 : 0);
    mrl_put_u16(w, b->pcrs.bank);
    mrl_put_u32(w, b->pcrs.mask);
    mrl_put_blob16(w, b->storage_name);
    mrl_put_blob16(w, b->endorsement_name);
    mrl_put_blob16(w, b->public_area);
    mrl_put_blob16(w, b->private_area);
    return mrl_writer_end(w, &written);
}

mrl_err mrl_pkcs11_blob_read(mrl_bytes file, struct mrl_pkcs11_blob *out)
{
    struct mrl_reader r = {file};
    struct mrl_pkcs11_blob b = {0};

    MRL_TRY(read_start(&r, PKCS11_MAGIC));
    MRL_TRY(read_part(&r, 1, MRL_BLOB_IV_MAX, &b.iv));
    MRL_TRY(read_part(&r, 1, MRL_BLOB_PART_MAX, &b.ciphertext));
    MRL_TRY(mrl_reader_end(&r));
    *out = b;
    return MRL_OK;
}

mrl_err mrl_pkcs11_blob_write(const struct mrl_pkcs11_blob *b, struct mrl_writer *w)
{
    mrl_bytes written;

    mrl_put_bytes(w, PKCS11_MAGIC);
    mrl_put_u8(w, VERSION);
    mrl_put_blob16(w, b->iv);
    mrl_put_blob16(w, b->ciphertext);
    return mrl_writer_end(w, &written);
}
