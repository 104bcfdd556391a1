/* SPDX-License-Identifier: Apache-2.0 */
#include "main/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access/actor.h"
#include "base/log.h"
#include "main/witness_url.h"
#include "net/http_client.h"
#include "net/service.h"

enum { REQUEST_MS = 2500, QUEUE = 2, ROOT_MAX = 256 << 10 }; /* two requests a witness at most */

_Static_assert((int)MRL_CONFIG_WITNESSES_MAX == (int)MRL_WITNESSES_MAX, "one limit");

struct link {
    struct mrl_witness_url url;
    struct mrl_tls_context *tls; /* owned; NULL: UNIX socket */
};

struct mrl_collector {
    struct mrl_audit *audit;
    struct mrl_store *store;
    struct mrl_witnesses *witnesses;
    struct link links[MRL_WITNESSES_MAX];
    size_t count;
    bool checked;
    struct mrl_service *service; /* of one thread */
    struct mrl_job job;
    _Atomic bool busy;
    mrl_err told; /* the last failure that was logged; only the job touches it */
};

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

/* --- reaching one --- */

static mrl_err request(struct mrl_http_client *client, const struct link *l, mrl_bytes body,
                       struct mrl_witness_answer *out, struct mrl_why *why)
{
    const struct mrl_http_call call = {.method = "POST",
                                       .target = mrl_str(l->url.target),
                                       .body = body,
                                       .content_type = "text/plain; charset=utf-8"};
    struct mrl_http_result result = {0};
    mrl_err err = mrl_http_client_request(client, &call, &result, why);

    if (err == MRL_OK) {
        out->status = result.status;
        err = mrl_buf_append(&out->body, mrl_buf_bytes(&result.body));
    }
    mrl_http_result_done(&result);
    return err;
}

/* A connection of its own each time: a kept one may be dead, and a POST is not repeated on it. */
static mrl_err post(void *context, size_t index, mrl_bytes body, struct mrl_witness_answer *out,
                    struct mrl_why *why)
{
    const struct mrl_collector *c = context;
    const struct link *l = &c->links[index];
    MRL_AUTO(mrl_http_client) client = NULL;
    const struct mrl_http_client_config config = {.server = mrl_str(l->url.server),
                                                  .tls = l->tls,
                                                  .timeout_ms = REQUEST_MS,
                                                  .body_limit = MRL_WITNESS_ANSWER_MAX};

    MRL_TRY(mrl_http_client_new(&config, &client, why));
    return request(client, l, body, out, why);
}

/* --- configuration --- */

static mrl_err read_root(const char *path, struct mrl_buf *out, struct mrl_why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *to = NULL;
    ssize_t n;

    if (fd < 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot read %s: %s", path, strerror(errno));
    if (mrl_buf_reserve(out, ROOT_MAX, &to) != MRL_OK)
        abort();
    n = read(fd, to, ROOT_MAX);
    (void)close(fd); /* only read */
    if (n < 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot read %s: %s", path, strerror(errno));
    mrl_buf_added(out, (size_t)n);
    return MRL_OK;
}

static mrl_err open_tls(struct link *l, mrl_bytes root, struct mrl_why *why)
{
    MRL_SCOPED(mrl_cert_list) roots = {0};
    MRL_SCOPED(mrl_buf) pem = {0};
    const struct mrl_tls_client_config config = {.roots = &roots};

    if (root.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "the witness at %s needs root: a file with the certificate of its CA",
                        l->url.server);
    MRL_TRY(read_root((const char *)root.data, &pem, why));
    if (mrl_cert_list_add_pem(&roots, mrl_buf_bytes(&pem)) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s holds no certificates, or too many",
                        MRL_FMT(root));
    return mrl_tls_client_new(&config, &l->tls, why);
}

static mrl_err add_link(struct mrl_collector *c, const struct mrl_config_witness *w,
                        struct mrl_why *why)
{
    struct link *l = &c->links[c->count++];

    MRL_TRY(mrl_witness_url_parse(w->url, &l->url, why));
    return l->url.tls ? open_tls(l, w->root, why) : MRL_OK;
}

static mrl_err open_all(struct mrl_collector *c, const struct mrl_config *config,
                        struct mrl_why *why)
{
    struct mrl_witness_address addresses[MRL_WITNESSES_MAX];
    const struct mrl_witnesses_options options = {.addresses = addresses,
                                                  .count = config->witness_count,
                                                  .late_s = config->audit.witness_lag_s,
                                                  .post = post,
                                                  .context = c};

    for (size_t i = 0; i < config->witness_count; i++) {
        addresses[i] =
            (struct mrl_witness_address){config->witness[i].vkey, config->witness[i].url};
        MRL_TRY(add_link(c, &config->witness[i], why));
    }
    return mrl_witnesses_new(c->audit, &options, &c->witnesses, why);
}

mrl_err mrl_collector_new(const struct mrl_config *config, struct mrl_store *store,
                          struct mrl_audit *a, struct mrl_collector **out, struct mrl_why *why)
{
    struct mrl_collector *c;
    mrl_err err;

    *out = NULL;
    if (config->witness_count == 0 && config->audit.require_witness)
        return mrl_fail(why, MRL_ERR_INVALID, "require_witness in [audit] needs a [[witness]]");
    if (config->witness_count == 0)
        return MRL_OK;
    c = calloc(1, sizeof(*c));
    if (c == NULL)
        abort();
    c->audit = a;
    c->store = store;
    err = open_all(c, config, why);
    if (err == MRL_OK)
        *out = c;
    else
        mrl_collector_free(c);
    return err;
}

void mrl_collector_free(struct mrl_collector *c)
{
    if (c == NULL)
        return;
    mrl_witnesses_free(c->witnesses);
    for (size_t i = 0; i < c->count; i++)
        mrl_tls_context_free(c->links[i].tls);
    free(c);
}

struct mrl_witnesses *mrl_collector_witnesses(const struct mrl_collector *c)
{
    return c != NULL ? c->witnesses : NULL;
}

/* --- the start --- */

struct accepting {
    struct mrl_write write;
    const struct mrl_audit_event *event;
};

static mrl_err run_accept(struct mrl_tx *tx, struct mrl_write *w)
{
    return mrl_audit_append(tx, MRL_CONTAINER(w, struct accepting, write)->event, NULL);
}

static mrl_err record_accepted(struct mrl_collector *c, const char *reason,
                               const struct mrl_why *found)
{
    const struct mrl_audit_detail detail = MRL_AUDIT_TEXT("found", mrl_str(found->text));
    struct mrl_audit_event e =
        mrl_actor_event(&system_actor, MRL_AUDIT_AUDIT_ROLLBACK_ACCEPTED, MRL_LIT("audit"));
    struct accepting accepting = {.write.run = run_accept, .event = &e};

    e.reason = mrl_str(reason);
    e.details = &detail;
    e.details_count = 1;
    return mrl_store_write(c->store, &accepting.write);
}

mrl_err mrl_collector_check_start(struct mrl_collector *c, const char *reason, struct mrl_why *why)
{
    struct mrl_why found = {""};
    mrl_err err;

    if (c == NULL || c->checked)
        return MRL_OK;
    err = mrl_witnesses_check_start(c->witnesses, &found);
    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK; /* asked again as soon as there is a checkpoint */
    c->checked = true;
    if (err == MRL_ERR_CORRUPT && reason != NULL)
        return record_accepted(c, reason, &found);
    if (err != MRL_OK && why != NULL)
        *why = found;
    return err;
}

/* --- once a second --- */

static void run_round(struct mrl_job *j)
{
    struct mrl_collector *c = MRL_CONTAINER(j, struct mrl_collector, job);
    struct mrl_why why = {""};
    mrl_err err = mrl_witnesses_collect(c->witnesses, &why);

    if (err != MRL_OK && err != c->told)
        mrl_log_error("audit.cosignatures_not_stored", MRL_FIELD_STR("error", mrl_err_name(err)),
                      MRL_FIELD_STR("why", why.text));
    c->told = err;
    atomic_store(&c->busy, false);
}

mrl_err mrl_collector_start(struct mrl_collector *c)
{
    if (c == NULL)
        return MRL_OK;
    c->job.run = run_round;
    return mrl_service_new("witnesses", 1, QUEUE, &c->service);
}

void mrl_collector_tick(struct mrl_collector *c)
{
    if (c == NULL || atomic_exchange(&c->busy, true))
        return;
    if (mrl_service_submit(c->service, &c->job) != MRL_OK)
        atomic_store(&c->busy, false); /* the next second tries again */
}

void mrl_collector_stop(struct mrl_collector *c)
{
    if (c == NULL)
        return;
    mrl_witnesses_stop(c->witnesses);
    mrl_service_free(c->service);
    c->service = NULL;
}

void mrl_collector_finish(struct mrl_collector *c)
{
    if (c != NULL && c->checked)
        run_round(&c->job);
}
