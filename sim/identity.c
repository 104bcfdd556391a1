/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/hex.h"
#include "base/secret.h"
#include "crypto/cert_build.h"
#include "crypto/csr.h"
#include "crypto/pkcs7.h"
#include "net/http_client.h"

enum { CREW = 16, FILE_MAX = 1 << 30, READ_STEP = 1 << 20, LIFE_S = 86400, PEM_LINE = 76 };

static mrl_err make_all(const char *prefix, size_t count, struct mrl_sim_identities *out)
{
    out->each = calloc(count, sizeof(*out->each));
    if (out->each == NULL)
        abort();
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        int len = snprintf(out->each[i].name, MRL_SIM_NAME_MAX, "%s-%06zu", prefix, i);

        MRL_ENSURE(len > 0 && len < MRL_SIM_NAME_MAX, MRL_ERR_INVALID);
    }
    return MRL_OK;
}

void mrl_sim_identities_done(struct mrl_sim_identities *all)
{
    for (size_t i = 0; i < all->count; i++) {
        mrl_key_free(all->each[i].key);
        mrl_cert_free(all->each[i].cert);
    }
    free(all->each);
    *all = (struct mrl_sim_identities){0};
}

/* ---- minting ---- */

static mrl_err mint_one(struct mrl_sim_identity *id, const struct mrl_cert *ca,
                        const struct mrl_key *ca_key, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert_profile profile = {.kind = MRL_CERT_DEVICE, .cn = mrl_str(id->name)};

    MRL_TRY(mrl_key_generate(MRL_KEY_P256, &id->key, why));
    MRL_TRY(mrl_key_to_spki(id->key, &spki));
    profile.spki = mrl_buf_bytes(&spki);
    profile.not_before = mrl_wall_s() - 60;
    profile.not_after = mrl_wall_s() + LIFE_S;
    mrl_serial_random(profile.serial);
    MRL_TRY(mrl_cert_build(&profile, ca, ca_key, &der, why));
    return mrl_cert_from_der(mrl_buf_bytes(&der), &id->cert);
}

mrl_err mrl_sim_mint(const char *prefix, size_t count, const struct mrl_cert *ca,
                     const struct mrl_key *ca_key, struct mrl_sim_identities *out,
                     struct mrl_why *why)
{
    MRL_SCOPED(mrl_sim_identities) all = {0};

    MRL_TRY(make_all(prefix, count, &all));
    for (size_t i = 0; i < count; i++)
        MRL_TRY(mint_one(&all.each[i], ca, ca_key, why));
    *out = all;
    all = (struct mrl_sim_identities){0};
    return MRL_OK;
}

/* ---- enrolling: RFC 7030 4.2, with the token of a group as HTTP Basic password ---- */

struct enrolment {
    const struct mrl_sim_est *est;
    struct mrl_sim_identities *all;
    atomic_size_t next;
    pthread_mutex_t lock; /* of what follows */
    mrl_err result;       /* the first failure */
    struct mrl_why why;
};

static mrl_err write_request(const struct mrl_sim_identity *id, struct mrl_buf *out)
{
    const struct mrl_csr_request request = {.cn = mrl_str(id->name)};
    MRL_SCOPED(mrl_buf) der = {0};

    MRL_TRY(mrl_csr_write(&request, id->key, &der));
    return mrl_base64_write(mrl_buf_bytes(&der), PEM_LINE, out);
}

static mrl_err write_password(const struct mrl_sim_identity *id, const char *token,
                              struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) pair = {.secret = true};

    out->secret = true;
    MRL_TRY(mrl_buf_printf(&pair, "%s:%s", id->name, token));
    MRL_TRY(mrl_buf_append(out, MRL_LIT("Basic ")));
    return mrl_base64_write(mrl_buf_bytes(&pair), 0, out);
}

static mrl_err read_certificate(mrl_bytes body, struct mrl_sim_identity *id)
{
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_cert_list) certs = {0};

    MRL_TRY(mrl_base64_read(body, &der));
    MRL_TRY(mrl_pkcs7_read(mrl_buf_bytes(&der), &certs));
    MRL_ENSURE(certs.count > 0, MRL_ERR_MALFORMED);
    return mrl_cert_from_der(mrl_cert_facts(certs.certs[0])->der, &id->cert);
}

static mrl_err enrol_one(struct mrl_http_client *http, const char *token,
                         struct mrl_sim_identity *id, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) password = {0};
    MRL_SCOPED(mrl_buf) body = {0};
    MRL_SCOPED(mrl_http_result) result = {0};
    struct mrl_http_field field = {.name = "Authorization"};
    struct mrl_http_call call = {.method = "POST",
                                 .target = MRL_LIT("/.well-known/est/simpleenroll"),
                                 .fields = &field,
                                 .field_count = 1,
                                 .content_type = "application/pkcs10"};

    MRL_TRY(mrl_key_generate(MRL_KEY_P256, &id->key, why));
    MRL_TRY(write_request(id, &body));
    MRL_TRY(write_password(id, token, &password));
    field.value = mrl_buf_bytes(&password);
    call.body = mrl_buf_bytes(&body);
    MRL_TRY(mrl_http_client_request(http, &call, &result, why));
    if (result.status != 200)
        return mrl_fail(why, MRL_ERR_DENIED, "%s is not enrolled: %u %.*s", id->name, result.status,
                        MRL_FMT(mrl_buf_bytes(&result.body)));
    return read_certificate(mrl_buf_bytes(&result.body), id);
}

static mrl_err enrol_share(struct enrolment *e, struct mrl_why *why)
{
    const struct mrl_tls_client_config tls_config = {.roots = e->est->roots};
    struct mrl_http_client_config config = {.server = mrl_str(e->est->server)};
    MRL_AUTO(mrl_tls_context) tls = NULL;
    MRL_AUTO(mrl_http_client) http = NULL;
    size_t i;

    MRL_TRY(mrl_tls_client_new(&tls_config, &tls, why));
    config.tls = tls;
    MRL_TRY(mrl_http_client_new(&config, &http, why));
    while ((i = atomic_fetch_add(&e->next, 1)) < e->all->count)
        MRL_TRY(enrol_one(http, e->est->token, &e->all->each[i], why));
    return MRL_OK;
}

static void *enrol_thread(void *context)
{
    struct enrolment *e = context;
    struct mrl_why why = {""};
    mrl_err err = enrol_share(e, &why);

    if (err == MRL_OK)
        return NULL;
    atomic_store(&e->next, e->all->count);
    (void)pthread_mutex_lock(&e->lock); /* cannot fail: a plain mutex, initialised */
    if (e->result == MRL_OK) {
        e->result = err;
        e->why = why;
    }
    (void)pthread_mutex_unlock(&e->lock);
    return NULL;
}

static mrl_err run_crew(struct enrolment *e)
{
    pthread_t crew[CREW];
    unsigned started = 0;

    MRL_ENSURE(pthread_mutex_init(&e->lock, NULL) == 0, MRL_ERR_IO);
    while (started < CREW && pthread_create(&crew[started], NULL, enrol_thread, e) == 0)
        started++;
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(crew[i], NULL); /* our own threads, joined once */
    (void)pthread_mutex_destroy(&e->lock); /* nobody waits any more */
    return started > 0 ? e->result : MRL_ERR_IO;
}

mrl_err mrl_sim_enrol(const char *prefix, size_t count, const struct mrl_sim_est *est,
                      struct mrl_sim_identities *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_sim_identities) all = {0};
    struct enrolment e = {.est = est, .all = &all};
    mrl_err err;

    MRL_TRY(make_all(prefix, count, &all));
    err = run_crew(&e);
    if (err != MRL_OK)
        return mrl_fail(why, err, "%s", e.why.text);
    *out = all;
    all = (struct mrl_sim_identities){0};
    return MRL_OK;
}

/* ---- the file ---- */

static mrl_err append_pem(const struct mrl_sim_identity *id, struct mrl_buf *out)
{
    MRL_AUTO(mrl_secret) key = NULL;

    MRL_TRY(mrl_key_to_pem(id->key, MRL_BYTES_NONE, &key));
    MRL_TRY(mrl_buf_append(out, mrl_secret_bytes(key)));
    return mrl_cert_to_pem(id->cert, out);
}

mrl_err mrl_sim_identities_save(const struct mrl_sim_identities *all, const char *path,
                                struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) text = {.secret = true};
    bool written;
    int fd;

    for (size_t i = 0; i < all->count; i++)
        MRL_TRY(append_pem(&all->each[i], &text));
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return mrl_fail(why, MRL_ERR_IO, "%s: %s", path, strerror(errno));
    written = mrl_write_all(fd, mrl_buf_bytes(&text));
    if (close(fd) != 0 || !written)
        return mrl_fail(why, MRL_ERR_IO, "%s: %s", path, strerror(errno));
    return MRL_OK;
}

mrl_err mrl_sim_read_file(const char *path, struct mrl_buf *out, struct mrl_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;
    uint8_t *to;

    if (fd < 0)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    out->limit = FILE_MAX;
    while (mrl_buf_reserve(out, READ_STEP, &to) == MRL_OK && (got = read(fd, to, READ_STEP)) > 0)
        mrl_buf_added(out, (size_t)got);
    (void)close(fd);
    return got == 0 ? MRL_OK : mrl_fail(why, MRL_ERR_LIMIT, "%s: cannot be read whole", path);
}

/* One PEM block off the front of *text: everything up to the end of its last line. */
static bool next_block(mrl_bytes *text, mrl_bytes *block)
{
    mrl_bytes rest = *text, line;

    while (rest.len > 0) {
        (void)mrl_bytes_split(rest, '\n', &line, &rest);
        if (!mrl_bytes_starts(line, MRL_LIT("-----END ")))
            continue;
        *block = mrl_bytes_sub(*text, 0, text->len - rest.len);
        *text = rest;
        return true;
    }
    return false;
}

static mrl_err load_one(mrl_bytes *text, struct mrl_sim_identity *id)
{
    mrl_bytes key, cert;

    MRL_ENSURE(next_block(text, &key) && next_block(text, &cert), MRL_ERR_NOT_FOUND);
    MRL_TRY(mrl_key_from_pem(key, MRL_BYTES_NONE, &id->key));
    MRL_TRY(mrl_cert_from_pem(cert, &id->cert));
    MRL_ENSURE(mrl_bytes_to_cstr(mrl_cert_facts(id->cert)->cn, id->name, MRL_SIM_NAME_MAX),
               MRL_ERR_MALFORMED);
    return MRL_OK;
}

mrl_err mrl_sim_identities_load(const char *path, size_t most, struct mrl_sim_identities *out,
                                struct mrl_why *why)
{
    MRL_SCOPED(mrl_sim_identities) all = {0};
    MRL_SCOPED(mrl_buf) file = {.secret = true};
    mrl_bytes text;

    MRL_TRY(make_all("", most, &all));
    MRL_TRY(mrl_sim_read_file(path, &file, why));
    text = mrl_buf_bytes(&file);
    for (size_t i = 0; i < most; i++) {
        mrl_err err = load_one(&text, &all.each[i]);

        if (err != MRL_OK)
            return mrl_fail(why, err, "%s: client %zu of %zu is not in it", path, i + 1, most);
    }
    *out = all;
    all = (struct mrl_sim_identities){0};
    return MRL_OK;
}
