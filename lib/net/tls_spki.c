/* SPDX-License-Identifier: Apache-2.0 */
/* For each certificate OpenSSL 3.0 and 3.1 build the curve of its key from numbers, in a decoder
 * that parses the key twice. Nearly all keys here are on P-256 and uncompressed, which is one shape
 * of bytes (RFC 5480 2): they become a copy of a key that has the curve, with their point in it.
 * The original gets whatever looks different. */
#include <stdatomic.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>

#include "net/tls_internal.h"

enum { FUNCTIONS_MAX = 16, POINT = 65, UNCOMPRESSED = 4 };

static const uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                               0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                               0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

/* Constant once taken. */
static OSSL_DISPATCH functions[FUNCTIONS_MAX + 1];
static OSSL_FUNC_decoder_decode_fn *original;
static OSSL_FUNC_keymgmt_new_fn *make_key;
static OSSL_FUNC_keymgmt_import_fn *import_key;
static OSSL_FUNC_keymgmt_dup_fn *copy_key;
static OSSL_FUNC_keymgmt_set_params_fn *set_in_key;
static OSSL_FUNC_keymgmt_free_fn *free_key;
static void *curve; /* a key that is P-256 and nothing else */

/* Every provider that is loaded is told the same again. */
static OSSL_FUNC_BIO_read_ex_fn *_Atomic read_core;
static OSSL_FUNC_BIO_ctrl_fn *_Atomic control_core;

/* What is there is not taken from the original: false leaves it where it was. */
static bool read_point(OSSL_CORE_BIO *in, uint8_t to[static POINT])
{
    uint8_t der[sizeof(head) + POINT + 1];
    long start = control_core(in, BIO_C_FILE_TELL, 0, NULL);
    size_t got = 0;

    if (start < 0)
        return false;
    if (read_core(in, (char *)der, sizeof(der), &got) == 1 && got == sizeof(head) + POINT &&
        memcmp(der, head, sizeof(head)) == 0 && der[sizeof(head)] == UNCOMPRESSED) {
        memcpy(to, &der[sizeof(head)], POINT);
        return true;
    }
    (void)control_core(in, BIO_C_FILE_SEEK, start, NULL); /* the original fails if it does */
    return false;
}

/* NULL: the point is not on the curve, or memory is exhausted. */
static void *key_with(uint8_t point[static POINT])
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, POINT),
        OSSL_PARAM_construct_end(),
    };
    void *key = copy_key(curve, OSSL_KEYMGMT_SELECT_ALL_PARAMETERS);

    if (key == NULL || set_in_key(key, params) == 1)
        return key;
    free_key(key);
    return NULL;
}

/* Hands the key over, as provider-object(7) has it: whoever takes it puts NULL in its place. */
static int give(void *key, OSSL_CALLBACK *data, void *data_context)
{
    int type = OSSL_OBJECT_PKEY;
    char name[] = "EC";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof(key)),
        OSSL_PARAM_construct_end(),
    };
    int taken = data(params, data_context);

    free_key(key); /* NULL is fine */
    return taken;
}

static int decode(void *context, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *data,
                  void *data_context, OSSL_PASSPHRASE_CALLBACK *passphrase,
                  void *passphrase_context)
{
    uint8_t point[POINT];
    void *key;

    if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) == 0 || !read_point(in, point))
        return original(context, in, selection, data, data_context, passphrase, passphrase_context);
    key = key_with(point);
    return key == NULL ? 1 /* not a key: nothing to give */ : give(key, data, data_context);
}

void mrl_tls_spki_core(const OSSL_DISPATCH *core)
{
    for (; core->function_id != 0; core++) {
        if (core->function_id == OSSL_FUNC_BIO_READ_EX)
            atomic_store(&read_core, OSSL_FUNC_BIO_read_ex(core));
        else if (core->function_id == OSSL_FUNC_BIO_CTRL)
            atomic_store(&control_core, OSSL_FUNC_BIO_ctrl(core));
    }
}

static OSSL_ALGORITHM *find_ec(OSSL_ALGORITHM *all)
{
    for (; all->algorithm_names != NULL; all++)
        if (strncmp(all->algorithm_names, "EC", 2) == 0 &&
            (all->algorithm_names[2] == ':' || all->algorithm_names[2] == '\0'))
            return all;
    return NULL;
}

static bool take_decoder(OSSL_ALGORITHM *ec)
{
    const OSSL_DISPATCH *all = ec->implementation;

    for (size_t i = 0; all[i].function_id != 0; i++) {
        if (i == FUNCTIONS_MAX)
            return false;
        functions[i] = all[i];
        if (all[i].function_id != OSSL_FUNC_DECODER_DECODE)
            continue;
        original = OSSL_FUNC_decoder_decode(&all[i]);
        functions[i].function = (void (*)(void))decode;
    }
    ec->implementation = functions;
    return original != NULL;
}

static bool take_key_functions(const OSSL_DISPATCH *all)
{
    for (; all->function_id != 0; all++) {
        if (all->function_id == OSSL_FUNC_KEYMGMT_NEW)
            make_key = OSSL_FUNC_keymgmt_new(all);
        else if (all->function_id == OSSL_FUNC_KEYMGMT_IMPORT)
            import_key = OSSL_FUNC_keymgmt_import(all);
        else if (all->function_id == OSSL_FUNC_KEYMGMT_DUP)
            copy_key = OSSL_FUNC_keymgmt_dup(all);
        else if (all->function_id == OSSL_FUNC_KEYMGMT_SET_PARAMS)
            set_in_key = OSSL_FUNC_keymgmt_set_params(all);
        else if (all->function_id == OSSL_FUNC_KEYMGMT_FREE)
            free_key = OSSL_FUNC_keymgmt_free(all);
    }
    return make_key != NULL && import_key != NULL && copy_key != NULL && set_in_key != NULL &&
           free_key != NULL;
}

static bool make_curve(void *provider_context)
{
    char name[] = "prime256v1";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
        OSSL_PARAM_construct_end(),
    };

    curve = make_key(provider_context);
    return curve != NULL && import_key(curve, OSSL_KEYMGMT_SELECT_ALL_PARAMETERS, params) == 1;
}

bool mrl_tls_spki_take(OSSL_ALGORITHM *decoders, OSSL_ALGORITHM *keys, void *provider_context)
{
    OSSL_ALGORITHM *decoder = find_ec(decoders), *key = find_ec(keys);

    return decoder != NULL && key != NULL && take_key_functions(key->implementation) &&
           make_curve(provider_context) && take_decoder(decoder);
}
