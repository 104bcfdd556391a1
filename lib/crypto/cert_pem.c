/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in PEM text (RFC 7468 5), and lists of them. */
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/hex.h"
#include "crypto/cert.h"
#include "crypto/openssl.h"

enum { PEM_LARGEST = 2 << 20, PEM_COLUMNS = 64 };

/* One block of the text; wiped, because a bundle may hold a private key too. */
struct block {
    char *name;
    char *header;
    uint8_t *data;
    long len;
};

static void block_done(struct block *b)
{
    OPENSSL_free(b->name);
    OPENSSL_free(b->header);
    OPENSSL_clear_free(b->data, b->data == NULL ? 0 : (size_t)b->len);
}

/* MRL_ERR_NOT_FOUND: no further certificate. */
static mrl_err next_cert(BIO *bio, struct mrl_cert **out)
{
    for (;;) {
        __attribute__((cleanup(block_done))) struct block b = {0};

        if (PEM_read_bio(bio, &b.name, &b.header, &b.data, &b.len) != 1)
            return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? MRL_ERR_NOT_FOUND
                                                                                : MRL_ERR_MALFORMED;
        if (mrl_bytes_eq(mrl_str(b.name), MRL_LIT("CERTIFICATE")))
            return mrl_cert_from_der(mrl_bytes_of(b.data, (size_t)b.len), out);
    }
}

static mrl_err open_text(mrl_bytes pem, BIO **out)
{
    MRL_ENSURE(pem.len <= PEM_LARGEST, MRL_ERR_LIMIT);
    MRL_ENSURE(pem.len > 0, MRL_ERR_NOT_FOUND);
    *out = BIO_new_mem_buf(pem.data, (int)pem.len);
    return *out != NULL ? MRL_OK : MRL_ERR_CRYPTO;
}

mrl_err mrl_cert_from_pem(mrl_bytes pem, struct mrl_cert **out)
{
    OWNED(BIO) bio = NULL;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(open_text(pem, &bio));
    return next_cert(bio, out);
}

mrl_err mrl_cert_to_pem(const struct mrl_cert *c, struct mrl_buf *out)
{
    MRL_TRY(mrl_buf_append(out, MRL_LIT("-----BEGIN CERTIFICATE-----\n")));
    MRL_TRY(mrl_base64_write(mrl_cert_facts(c)->der, PEM_COLUMNS, out));
    return mrl_buf_append(out, MRL_LIT("-----END CERTIFICATE-----\n"));
}

void mrl_cert_list_done(struct mrl_cert_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        mrl_cert_free(l->certs[i]);
    free(l->certs);
    *l = (struct mrl_cert_list){0};
}

mrl_err mrl_cert_list_add(struct mrl_cert_list *l, struct mrl_cert *c)
{
    struct mrl_cert **grown = reallocarray(l->certs, l->count + 1, sizeof(struct mrl_cert *));

    if (grown == NULL) {
        mrl_cert_free(c);
        return MRL_ERR_CRYPTO;
    }
    l->certs = grown;
    l->certs[l->count++] = c;
    return MRL_OK;
}

static mrl_err read_all(BIO *bio, struct mrl_cert_list *l)
{
    size_t found = 0;

    for (;;) {
        MRL_AUTO(mrl_cert) c = NULL;
        mrl_err err = next_cert(bio, &c);

        if (err == MRL_ERR_NOT_FOUND && found > 0)
            return MRL_OK;
        MRL_TRY(err);
        MRL_ENSURE(++found <= MRL_CERT_BUNDLE_MAX, MRL_ERR_LIMIT);
        MRL_TRY(mrl_cert_list_add(l, MRL_TAKE(c)));
    }
}

mrl_err mrl_cert_list_add_pem(struct mrl_cert_list *l, mrl_bytes pem)
{
    OWNED(BIO) bio = NULL;
    size_t before = l->count;
    mrl_err err;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(open_text(pem, &bio));
    err = read_all(bio, l);
    while (err != MRL_OK && l->count > before)
        mrl_cert_free(l->certs[--l->count]);
    return err;
}
