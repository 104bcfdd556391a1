/* SPDX-License-Identifier: Apache-2.0 */
/* Live messages as server-sent events (WHATWG HTML 9.2). Thread: the worker, except recorded().
 *
 * The audit entry comes first: the exchange is kept until it is on the disk, then becomes a stream.
 * Whether the reader still may is asked again for every message and heartbeat, so that a revoked
 * certificate sees nothing more. */
#include <stdlib.h>
#include <string.h>

#include "api/request.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/rcu.h"
#include "base/utf8.h"
#include "devices/snapshot.h"
#include "wire/mqtt_topic.h"

enum { HEARTBEAT_MS = 15000, FILTER_MAX = 1024 };

struct events {
    struct mrl_message message; /* "recorded" to the worker */
    struct mrl_api_worker *worker;
    struct mrl_api_request *request; /* until it is a stream; lives in its exchange */
    mrl_err recorded;
    struct mrl_http_stream *stream;
    struct mrl_hub_listener *listener;
    struct mrl_timer heartbeat;
    bool by_certificate;
    struct mrl_fingerprint certificate;
    size_t filter_len;
    uint8_t filter[FILTER_MAX];
};

static void events_free(struct events *e)
{
    mrl_timer_cancel(&e->heartbeat);
    mrl_hub_unlisten(e->worker->hub, e->listener);
    e->worker->streams--;
    free(e);
}

static void on_gone(void *context, struct mrl_http_stream *s)
{
    (void)s;
    events_free(context);
}

static bool still_may(const struct events *e)
{
    const struct mrl_principal *p;
    bool may;

    if (!e->by_certificate)
        return true; /* an account of this machine */
    mrl_rcu_read_begin();
    may = mrl_registry_judge(e->worker->api->registry, &e->certificate, mrl_wall_s(),
                             MRL_KIND_BIT(MRL_PRINCIPAL_OPERATOR), &p) == MRL_JUDGED_ACCEPTED &&
          mrl_access_operator_may(p->operator_roles, MRL_MAY_READ_EVENTS);
    mrl_rcu_read_end();
    return may;
}

/* A reader that is too slow is cut off by the stream itself; on_gone follows in either case. */
static void send_text(struct events *e, mrl_bytes text)
{
    if (!still_may(e))
        mrl_http_stream_end(e->stream);
    else
        (void)mrl_http_stream_write(e->stream, text);
}

static void on_heartbeat(struct mrl_timer *t)
{
    struct events *e = MRL_CONTAINER(t, struct events, heartbeat);

    send_text(e, MRL_LIT(": still here\n\n"));
    mrl_loop_timer(e->worker->loop, t, HEARTBEAT_MS);
}

static mrl_err put_payload(json_t *o, mrl_bytes payload)
{
    MRL_SCOPED(mrl_buf) text = {0};

    if (mrl_utf8_valid(payload) && mrl_bytes_find(payload, '\0', 0) == payload.len)
        return mrl_json_set_str(o, "payload", payload);
    MRL_TRY(mrl_base64_write(payload, 0, &text));
    return mrl_json_set_str(o, "payload_base64", mrl_buf_bytes(&text));
}

/* JSON of one line, as a field "data" needs it: line ends inside of it are escaped. */
static mrl_err write_event(const struct mrl_publication *p, struct mrl_buf *out)
{
    MRL_AUTO(json_t) o = mrl_json_object();
    char time[MRL_TIME_TEXT];

    mrl_time_format(mrl_wall_ms(), time);
    MRL_TRY(mrl_json_set_str(o, "time", mrl_str(time)));
    MRL_TRY(mrl_json_set_str(o, "topic", p->topic));
    MRL_TRY(mrl_json_set_int(o, "qos", p->qos));
    MRL_TRY(mrl_json_set_bool(o, "retain", p->retain));
    MRL_TRY(put_payload(o, p->payload));
    MRL_TRY(mrl_buf_append(out, MRL_LIT("event: message\ndata: ")));
    MRL_TRY(mrl_json_write(o, out));
    return mrl_buf_append(out, MRL_LIT("\n\n"));
}

static void on_message(void *context, const struct mrl_publication *p)
{
    MRL_SCOPED(mrl_buf) text = {0};

    if (write_event(p, &text) == MRL_OK) /* else a topic no codec lets in */
        send_text(context, mrl_buf_bytes(&text));
}

/* MRL_OK: the exchange is a stream now. */
static mrl_err start(struct events *e)
{
    struct mrl_exchange *x = e->request->x;

    MRL_TRY(e->recorded);
    MRL_TRY(mrl_hub_listen(e->worker->hub, mrl_bytes_of(e->filter, e->filter_len), on_message, e,
                           &e->listener));
    MRL_TRY(mrl_http_stream_start(x, "text/event-stream", on_gone, e, &e->stream));
    e->request = NULL;
    (void)mrl_http_stream_write(e->stream, MRL_LIT(": open\n\n")); /* on_gone follows a failure */
    mrl_loop_timer(e->worker->loop, &e->heartbeat, HEARTBEAT_MS);
    return MRL_OK;
}

static void on_recorded(struct mrl_message *m, void *owner)
{
    struct events *e = MRL_CONTAINER(m, struct events, message);
    mrl_err err = start(e);

    (void)owner;
    if (err == MRL_OK)
        return;
    mrl_api_problem_of(e->request, err);
    mrl_exchange_send(e->request->x);
    events_free(e);
}

/* The worker is gone, its connections too: giving the exchange back frees it. */
static void on_dropped(struct mrl_message *m)
{
    struct events *e = MRL_CONTAINER(m, struct events, message);

    mrl_exchange_send(e->request->x);
    free(e);
}

/* Writer thread. */
static void recorded(void *context, mrl_err result)
{
    struct events *e = context;

    e->recorded = result;
    mrl_mailbox_post(e->worker->mailbox, &e->message);
}

static mrl_err check_filter(struct mrl_api_request *r, mrl_bytes *filter)
{
    mrl_bytes group, plain;

    *filter = MRL_LIT("#");
    (void)mrl_exchange_query(r->x, "topics", filter); /* absent: all */
    if (filter->len > FILTER_MAX || !mrl_mqtt_filter_valid(*filter) ||
        mrl_mqtt_share_split(*filter, &group, &plain))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "topics: a topic filter of at most %d bytes",
                        FILTER_MAX);
    return MRL_OK;
}

static struct events *events_new(struct mrl_api_request *r, mrl_bytes filter)
{
    const struct mrl_tls_facts *facts = mrl_exchange_facts(r->x);
    struct events *e = calloc(1, sizeof(*e));

    if (e == NULL)
        abort();
    e->message = (struct mrl_message){.handle = on_recorded, .drop = on_dropped};
    e->worker = r->worker;
    e->request = r;
    e->heartbeat.fire = on_heartbeat;
    e->by_certificate = facts != NULL;
    if (facts != NULL)
        e->certificate = facts->fingerprint;
    e->filter_len = filter.len;
    memcpy(e->filter, filter.data, filter.len);
    r->worker->streams++;
    return e;
}

mrl_err mrl_api_events(struct mrl_api_request *r)
{
    struct mrl_audit_event entry;
    struct events *e;
    mrl_bytes filter;

    MRL_TRY(check_filter(r, &filter));
    if (r->worker->streams >= MRL_API_STREAMS_MAX)
        return mrl_fail(&r->why, MRL_ERR_BUSY, "%d streams are open on this worker already",
                        MRL_API_STREAMS_MAX);
    e = events_new(r, filter);
    entry = mrl_actor_event(&r->actor, MRL_AUDIT_EVENTS_OPENED, filter);
    r->held = true;
    mrl_audit_record(r->api->audit, &entry, recorded, e);
    return MRL_OK;
}
