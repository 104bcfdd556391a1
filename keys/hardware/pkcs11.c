/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/random.h"
#include "keys/hardware/blob.h"
#include "keys/hardware/hardware.h"
#include "keys/hardware/pkcs11_token.h"

enum { IV = 12, TAG = 16, KEY_SIZE = 32, CIPHERTEXT = MRL_UNLOCK_MATERIAL + TAG };

static const char purpose[] = "merlon keystore v1 pkcs11";

/* PKCS#11 wants everything writable; it does not write to any of these. */
#define VALUE(v) (void *)(uintptr_t) & (v), sizeof(v)
#define BYTES(b) (void *)(uintptr_t)(b).data, (b).len

static mrl_err find(const struct mrl_token *t, mrl_bytes label, CK_OBJECT_HANDLE *out,
                    CK_ULONG *count, struct mrl_why *why)
{
    static const CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    static const CK_KEY_TYPE type = CKK_AES;
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, VALUE(class)}, {CKA_KEY_TYPE, VALUE(type)}, {CKA_LABEL, BYTES(label)}};
    CK_OBJECT_HANDLE found[2];
    CK_RV rv = t->call->C_FindObjectsInit(t->session, wanted, MRL_COUNT(wanted));

    if (rv == CKR_OK) {
        rv = t->call->C_FindObjects(t->session, found, MRL_COUNT(found), count);
        (void)t->call->C_FindObjectsFinal(t->session); /* found, or reported below */
    }
    if (rv != CKR_OK)
        return mrl_token_fail("look for the key", rv, why);
    if (*count > 1)
        return mrl_fail(why, MRL_ERR_INVALID, "more than one AES key in the token is labelled %.*s",
                        MRL_FMT(label));
    if (*count == 1)
        *out = found[0];
    return MRL_OK;
}

static mrl_err find_existing(const struct mrl_token *t, mrl_bytes label, CK_OBJECT_HANDLE *out,
                             struct mrl_why *why)
{
    CK_ULONG count = 0;

    MRL_TRY(find(t, label, out, &count, why));
    if (count == 0)
        return mrl_fail(why, MRL_ERR_NOT_FOUND,
                        "the token holds no AES key labelled %.*s: it is another token, or the key "
                        "was deleted",
                        MRL_FMT(label));
    return MRL_OK;
}

/* Made in the token, never to leave it. */
static mrl_err generate(const struct mrl_token *t, mrl_bytes label, CK_OBJECT_HANDLE *out,
                        struct mrl_why *why)
{
    static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static const CK_ULONG size = KEY_SIZE;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE attributes[] = {{CKA_TOKEN, VALUE(yes)},      {CKA_PRIVATE, VALUE(yes)},
                                 {CKA_SENSITIVE, VALUE(yes)},  {CKA_EXTRACTABLE, VALUE(no)},
                                 {CKA_ENCRYPT, VALUE(yes)},    {CKA_DECRYPT, VALUE(yes)},
                                 {CKA_VALUE_LEN, VALUE(size)}, {CKA_LABEL, BYTES(label)}};
    CK_RV rv =
        t->call->C_GenerateKey(t->session, &mechanism, attributes, MRL_COUNT(attributes), out);

    return rv == CKR_OK ? MRL_OK : mrl_token_fail("make an AES key", rv, why);
}

/* A key that the operator made must be worth its place in a token. */
static mrl_err refuse_extractable(const struct mrl_token *t, CK_OBJECT_HANDLE key,
                                  struct mrl_why *why)
{
    CK_BBOOL extractable = CK_TRUE;
    CK_ATTRIBUTE asked = {CKA_EXTRACTABLE, &extractable, sizeof(extractable)};
    CK_RV rv = t->call->C_GetAttributeValue(t->session, key, &asked, 1);

    if (rv != CKR_OK)
        return mrl_token_fail("say whether its key can be taken out", rv, why);
    if (extractable != CK_FALSE)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "the key in the token can be taken out of it: name another label, init "
                        "then makes one that cannot");
    return MRL_OK;
}

static mrl_err find_or_make(const struct mrl_token *t, mrl_bytes label, CK_OBJECT_HANDLE *out,
                            struct mrl_why *why)
{
    CK_ULONG count = 0;

    MRL_TRY(find(t, label, out, &count, why));
    if (count == 0)
        MRL_TRY(generate(t, label, out, why));
    return refuse_extractable(t, *out, why);
}

static CK_GCM_PARAMS gcm(uint8_t *iv, size_t len)
{
    return (CK_GCM_PARAMS){iv,     len, 8 * len, (CK_BYTE *)(uintptr_t)purpose, sizeof(purpose) - 1,
                           8 * TAG};
}

static mrl_err encrypt(const struct mrl_token *t, CK_OBJECT_HANDLE key, mrl_bytes plain,
                       uint8_t iv[static IV], uint8_t out[static CIPHERTEXT], struct mrl_why *why)
{
    CK_GCM_PARAMS params = gcm(iv, IV);
    CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof(params)};
    CK_ULONG len = CIPHERTEXT;
    CK_RV rv = t->call->C_EncryptInit(t->session, &mechanism, key);

    if (rv == CKR_OK)
        rv = t->call->C_Encrypt(t->session, (CK_BYTE *)(uintptr_t)plain.data, plain.len, out, &len);
    if (rv != CKR_OK)
        return mrl_token_fail("encrypt with AES-GCM", rv, why);
    MRL_ENSURE(len == CIPHERTEXT, MRL_ERR_UNSUPPORTED);
    return MRL_OK;
}

static mrl_err make_in(const struct mrl_token *t, mrl_bytes label, struct mrl_secret **out,
                       struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) material = mrl_secret_new(MRL_UNLOCK_MATERIAL);
    uint8_t iv[IV], ciphertext[CIPHERTEXT], memory[MRL_UNLOCK_BLOB_MAX];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_pkcs11_blob b = {mrl_bytes_of(iv, IV), mrl_bytes_of(ciphertext, CIPHERTEXT)};
    CK_OBJECT_HANDLE key;

    MRL_TRY(find_or_make(t, label, &key, why));
    mrl_random(mrl_secret_data(material), MRL_UNLOCK_MATERIAL);
    mrl_random(iv, IV); /* some tokens put their own in its place: what counts is what is there */
    MRL_TRY(encrypt(t, key, mrl_secret_bytes(material), iv, ciphertext, why));
    MRL_TRY(mrl_pkcs11_blob_write(&b, &w));
    *out = mrl_secret_copy(mrl_bytes_of(w.data, w.len));
    return MRL_OK;
}

static mrl_err fail_decrypt(CK_RV rv, struct mrl_why *why)
{
    if (rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE ||
        rv == CKR_GENERAL_ERROR) /* SoftHSM 2.6 for a tag that does not hold */
        return mrl_fail(why, MRL_ERR_NOT_FOUND,
                        "the token does not decrypt: the key in the token is another one "
                        "than " MRL_UNLOCK_PKCS11_NAME
                        " was made with, or that file was changed: restore both");
    return mrl_token_fail("decrypt with AES-GCM", rv, why);
}

static mrl_err decrypt(const struct mrl_token *t, CK_OBJECT_HANDLE key,
                       const struct mrl_pkcs11_blob *b, struct mrl_secret *to, struct mrl_why *why)
{
    uint8_t iv[MRL_BLOB_IV_MAX];
    CK_GCM_PARAMS params = gcm(iv, b->iv.len);
    CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof(params)};
    CK_ULONG len = mrl_secret_bytes(to).len;
    CK_RV rv;

    memcpy(iv, b->iv.data, b->iv.len);
    rv = t->call->C_DecryptInit(t->session, &mechanism, key);
    if (rv == CKR_OK)
        rv = t->call->C_Decrypt(t->session, BYTES(b->ciphertext), mrl_secret_data(to), &len);
    if (rv != CKR_OK || len != MRL_UNLOCK_MATERIAL)
        return fail_decrypt(rv == CKR_OK ? CKR_ENCRYPTED_DATA_INVALID : rv, why);
    return MRL_OK;
}

static mrl_err open_in(const struct mrl_token *t, mrl_bytes label, const struct mrl_pkcs11_blob *b,
                       struct mrl_secret **out, struct mrl_why *why)
{
    /* Room for the tag too, which some tokens write before they find that it does not hold. */
    MRL_AUTO(mrl_secret) plain = mrl_secret_new(MRL_BLOB_PART_MAX);
    CK_OBJECT_HANDLE key;

    MRL_TRY(find_existing(t, label, &key, why));
    MRL_TRY(decrypt(t, key, b, plain, why));
    *out = mrl_secret_copy(mrl_bytes_sub(mrl_secret_bytes(plain), 0, MRL_UNLOCK_MATERIAL));
    return MRL_OK;
}

mrl_err mrl_pkcs11_answer(const struct mrl_unlock_request *q, struct mrl_secret **out,
                          struct mrl_why *why)
{
    MRL_SCOPED(mrl_token) t = {0};
    bool makes = q->operation == MRL_UNLOCK_MAKE;
    struct mrl_pkcs11_blob b;

    if (!makes && mrl_pkcs11_blob_read(q->blob, &b) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        MRL_UNLOCK_PKCS11_NAME " is damaged: restore it from a backup");
    MRL_TRY(mrl_token_open(q->module, q->token, q->pin, makes, &t, why));
    return makes ? make_in(&t, q->key, out, why) : open_in(&t, q->key, &b, out, why);
}
