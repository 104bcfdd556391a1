/* SPDX-License-Identifier: Apache-2.0 */
/* Against the TLS13-KDF of a library context that has nothing of ours. Without the thin provider
 * both are the same. */
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "net/tls_internal.h"
#include "tests/unit/unit.h"

struct call {
    int mode;
    const char *digest;
    const char *label;
    const char *prefix;
    size_t context_len;
    size_t len;
    size_t salt_len;
    bool no_key;
};

/* What the handshake asks for, and around the edges of what is done in short. */
static const struct call calls[] = {
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256", "s ap traffic", "tls13 ", 32, 32},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-384", "c ap traffic", "tls13 ", 48, 48},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256", "key", "tls13 ", 0, 16},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256", "iv", "tls13 ", 0, 12},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA256", "finished", "tls13 ", 0, 32},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-512", "key", "tls13 ", 0, 32},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256", "twelve bytes", "tls13 ", 48, 32},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256", "thirteen byte", "tls13 ", 48, 32},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256", "twelve bytes", "tls13 ", 49, 32},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256", "EXPORTER-Channel-Binding", "tls13 ", 32, 32},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256", "key", "dtls13", 0, 16},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256", "exporter", "tls13 ", 32, 33},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256", "exporter", "tls13 ", 32, 100},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-256", "derived", "tls13 ", 0, 32},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-384", "derived", "tls13 ", 0, 48},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-256", "derived", "tls13 ", 0, 32, .no_key = true},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-384", "derived", "tls13 ", 0, 48, .no_key = true},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-256", "derived", "tls13 ", 0, 32, .salt_len = 32},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-384", "derived", "tls13 ", 0, 48, .salt_len = 48},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-256", "derived", "tls13 ", 0, 32, 32, true},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-384", "derived", "tls13 ", 0, 48, 48, true},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-256", "derived", "tls13 ", 0, 31, .salt_len = 32},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-256", "derived", "tls13 ", 0, 33, .salt_len = 32},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-512", "derived", "tls13 ", 0, 64, .salt_len = 64},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-256", "thirteen byte", "tls13 ", 0, 32, 32},
    {EVP_KDF_HKDF_MODE_EXTRACT_ONLY, "SHA2-256", "derived", "dtls13", 0, 32, .salt_len = 32},
    {EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256", "key", "tls13 ", 0, 16, .no_key = true},
    {EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, "SHA2-256", "key", "tls13 ", 0, 32},
};

static bool run(OSSL_LIB_CTX *context, const struct call *c, uint8_t *to)
{
    static uint8_t secret[64] = {1, 2, 3}, data[64] = {9}, salt[64] = {7, 7};
    int mode = c->mode;
    size_t size = strcmp(c->digest, "SHA2-384") == 0 ? 48 : 32, n = 0;
    OSSL_PARAM params[9];
    EVP_KDF *kdf = EVP_KDF_fetch(context, "TLS13-KDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    bool made;

    params[n++] = OSSL_PARAM_construct_int("mode", &mode);
    params[n++] = OSSL_PARAM_construct_utf8_string("digest", (char *)(uintptr_t)c->digest, 0);
    if (!c->no_key)
        params[n++] = OSSL_PARAM_construct_octet_string("key", secret, size);
    if (c->salt_len > 0)
        params[n++] = OSSL_PARAM_construct_octet_string("salt", salt, c->salt_len);
    params[n++] = OSSL_PARAM_construct_octet_string("prefix", (void *)(uintptr_t)c->prefix, 6);
    params[n++] =
        OSSL_PARAM_construct_octet_string("label", (void *)(uintptr_t)c->label, strlen(c->label));
    if (c->context_len > 0)
        params[n++] = OSSL_PARAM_construct_octet_string("data", data, c->context_len);
    params[n] = OSSL_PARAM_construct_end();
    made = EVP_KDF_derive(ctx, to, c->len, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return made;
}

static void it_derives_what_the_original_derives(void **state)
{
    uint8_t ours[128] = {0}, theirs[128] = {0};
    struct mrl_tls_library l;

    (void)state;
    assert_ok(mrl_tls_library_init(&l));
    for (size_t i = 0; i < MRL_COUNT(calls); i++) {
        assert_int_equal(run(l.context, &calls[i], ours), run(NULL, &calls[i], theirs));
        assert_memory_equal(ours, theirs, sizeof(ours));
    }
    mrl_tls_library_done(&l);
}

static struct {
    unsigned count;
    uint8_t secret[48];
} heard;

static void listen_to(void *context, mrl_bytes label, mrl_bytes secret)
{
    assert_ptr_equal(context, &heard);
    assert_bytes_equal(label, MRL_LIT("s ap traffic"));
    assert_true(secret.len <= sizeof(heard.secret));
    memcpy(heard.secret, secret.data, secret.len);
    heard.count++;
}

static void secrets_are_told_only_to_who_listens(void **state)
{
    struct mrl_tls_library l;
    uint8_t made[128];

    (void)state;
    assert_ok(mrl_tls_library_init(&l));
    if (l.thin == NULL) {
        mrl_tls_library_done(&l);
        skip_because("this OpenSSL does it itself");
    }
    mrl_tls_kdf_listen(listen_to, &heard);
    assert_true(run(l.context, &calls[0], made));
    assert_int_equal(heard.count, 1);
    assert_memory_equal(heard.secret, made, 32);
    mrl_tls_kdf_listen(NULL, NULL);
    assert_true(run(l.context, &calls[0], made));
    assert_int_equal(heard.count, 1);
    mrl_tls_library_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_derives_what_the_original_derives),
        cmocka_unit_test(secrets_are_told_only_to_who_listens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
