/* SPDX-License-Identifier: Apache-2.0 */
/* Runs NIST PKITS through crypto/path.h: one line "name verdict reason" for each end certificate.
 * usage: pkits FOLDER-OF-CERTIFICATES FOLDER-OF-CRLS ANCHOR */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "crypto/path.h"

enum { FILES_MAX = 1024, AT_TIME = 1800000000 /* 2027; the set ends in 2030 */ };

struct set {
    struct {
        char name[256];
        struct mrl_buf der;
        struct mrl_cert *cert; /* NULL: a CRL, or a certificate we do not read */
    } files[FILES_MAX];
    size_t count;
};

static void fail(const char *what)
{
    (void)fprintf(stderr, "pkits: %s\n", what);
    exit(2);
}

static void read_file(int folder, const char *name, struct mrl_buf *out)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    uint8_t *to = NULL;
    ssize_t n;

    if (fd < 0 || mrl_buf_reserve(out, 64 << 10, &to) != MRL_OK)
        fail(name);
    n = read(fd, to, 64 << 10);
    if (n <= 0)
        fail(name);
    mrl_buf_added(out, (size_t)n);
    (void)close(fd);
}

static void load(const char *path, bool certificates, struct set *s)
{
    DIR *d = opendir(path);
    const struct dirent *e;

    if (d == NULL)
        fail(path);
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.' || s->count == FILES_MAX)
            continue;
        (void)snprintf(s->files[s->count].name, sizeof(s->files[0].name), "%s", e->d_name);
        read_file(dirfd(d), e->d_name, &s->files[s->count].der);
        if (certificates && mrl_cert_from_der(mrl_buf_bytes(&s->files[s->count].der),
                                              &s->files[s->count].cert) != MRL_OK)
            s->files[s->count].cert = NULL;
        s->count++;
    }
    (void)closedir(d);
}

static const struct mrl_cert *find(const struct set *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->files[i].name, name) == 0 && s->files[i].cert != NULL)
            return s->files[i].cert;
    fail(name);
    return NULL;
}

static void add(struct mrl_cert_list *l, const struct mrl_cert *c)
{
    struct mrl_cert *copy = NULL;

    if (mrl_cert_from_der(mrl_cert_facts(c)->der, &copy) != MRL_OK ||
        mrl_cert_list_add(l, copy) != MRL_OK)
        fail("out of memory");
}

static bool has(const struct mrl_cert_list *l, const struct mrl_cert *c)
{
    for (size_t i = 0; i < l->count; i++)
        if (mrl_bytes_eq(mrl_cert_facts(l->certs[i])->der, mrl_cert_facts(c)->der))
            return true;
    return false;
}

/* Names differ in spelling from issuer to subject in some cases on purpose: OpenSSL compares them
 * as RFC 5280 7.1 says, so the file name of the CA in the case decides nothing, and all CAs that
 * are named alike are offered. */
static bool may_be_issuer(const struct set *s, size_t i, const struct mrl_cert *of)
{
    const struct mrl_cert *c = s->files[i].cert;

    return c != NULL && c != of && strstr(s->files[i].name, "EE.crt") == NULL &&
           X509_NAME_cmp(X509_get_issuer_name(mrl_cert_native(of)),
                         X509_get_subject_name(mrl_cert_native(c))) == 0;
}

static void gather(const struct set *s, const struct mrl_cert *of, struct mrl_cert_list *out)
{
    for (size_t i = 0; i < s->count; i++) {
        if (!may_be_issuer(s, i, of) || has(out, s->files[i].cert))
            continue;
        add(out, s->files[i].cert);
        gather(s, s->files[i].cert, out);
    }
}

/* Certificates that only sign CRLs are on no path to the leaf. */
static void gather_crl_issuers(const struct set *s, struct mrl_cert_list *out)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->files[i].cert != NULL && strstr(s->files[i].name, "CRL") != NULL &&
            strstr(s->files[i].name, "EE.crt") == NULL && !has(out, s->files[i].cert) &&
            out->count < MRL_PATH_KNOWN_MAX)
            add(out, s->files[i].cert);
}

static void judge(const struct set *certs, const struct set *crls, size_t i,
                  const struct mrl_cert_list *anchors)
{
    MRL_SCOPED(mrl_cert_list) known = {0};
    mrl_bytes lists[FILES_MAX];
    struct mrl_path path = {
        .leaf = certs->files[i].cert,
        .known = &known,
        .anchors = anchors,
        .crls = lists,
        .crl_count = crls->count,
        .purpose = MRL_PURPOSE_CLIENT,
        .at_time = AT_TIME,
    };
    enum mrl_chain_reason reason = MRL_CHAIN_OTHER;
    bool good = false;

    if (path.leaf != NULL) {
        for (size_t n = 0; n < crls->count; n++)
            lists[n] = mrl_buf_bytes(&crls->files[n].der);
        gather(certs, path.leaf, &known);
        gather_crl_issuers(certs, &known);
        good = mrl_path_verify(&path, &reason) == MRL_OK;
    }
    printf("%s %s %s\n", certs->files[i].name, good ? "valid" : "invalid",
           path.leaf == NULL ? "malformed" : mrl_chain_reason_name(reason));
}

int main(int argc, char **argv)
{
    static struct set certs, crls;
    MRL_SCOPED(mrl_cert_list) anchors = {0};

    if (argc != 4)
        fail("usage: pkits FOLDER-OF-CERTIFICATES FOLDER-OF-CRLS ANCHOR");
    load(argv[1], /*certificates=*/true, &certs);
    load(argv[2], /*certificates=*/false, &crls);
    add(&anchors, find(&certs, argv[3]));
    for (size_t i = 0; i < certs.count; i++)
        if (strstr(certs.files[i].name, "EE.crt") != NULL)
            judge(&certs, &crls, i, &anchors);
    for (size_t i = 0; i < FILES_MAX; i++) {
        mrl_cert_free(certs.files[i].cert);
        mrl_buf_done(&certs.files[i].der);
        mrl_buf_done(&crls.files[i].der);
    }
    return 0;
}
