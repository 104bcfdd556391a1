/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/provisioning.h"

#include <stdlib.h>

struct request;
typedef enum mrl_provision_refusal
run_request(struct request *r, const struct mrl_provision_message *m, struct mrl_why *why);

/* Belongs to the worker, then to a service thread, then to the worker again: only link and client
 * are the worker's all the time. */
struct request {
    struct mrl_job job;
    struct mrl_message message;
    struct mrl_list link;
    struct mrl_client *client; /* NULL: gone */
    const struct mrl_mqtt_door *door;
    struct mrl_mailbox *mailbox;
    struct mrl_provisioning *provisioning;
    run_request *run;
    enum mrl_provision_format format;
    struct mrl_buf topic, template, payload, answer;
    bool accepted;
    struct mrl_name claim;
    struct mrl_fingerprint certificate;
    char source[MRL_PEER_TEXT];
    struct mrl_buf client_id;
    struct mrl_provision_from from; /* views of the above */
};

static void request_free(struct request *r)
{
    mrl_list_remove(&r->link);
    mrl_buf_done(&r->topic);
    mrl_buf_done(&r->template);
    mrl_buf_done(&r->payload);
    mrl_buf_done(&r->answer);
    mrl_buf_done(&r->client_id);
    free(r);
}

static void set_error(struct request *r, enum mrl_provision_refusal refusal, const char *why)
{
    r->accepted = false;
    mrl_buf_clear(&r->answer);
    /* An unbounded buffer takes it. */
    (void)mrl_provision_write_error(r->format, mrl_provision_status(refusal),
                                    mrl_provision_code(refusal), why, &r->answer);
}

/* --- on a service thread --- */

static enum mrl_provision_refusal
run_certify(struct request *r, const struct mrl_provision_message *m, struct mrl_why *why)
{
    MRL_SCOPED(mrl_provision_certificate) made = {0};
    enum mrl_provision_refusal refusal =
        mrl_provision_certify(r->provisioning, &r->from, m->csr, &made, why);

    if (refusal == MRL_PROVISION_OK &&
        mrl_provision_write_certificate(r->format, mrl_str(made.id), mrl_buf_bytes(&made.pem),
                                        mrl_secret_bytes(made.token), &r->answer) != MRL_OK)
        return MRL_PROVISION_UNAVAILABLE;
    return refusal;
}

static enum mrl_provision_refusal
run_register(struct request *r, const struct mrl_provision_message *m, struct mrl_why *why)
{
    MRL_SCOPED(mrl_provision_thing) thing = {0};
    enum mrl_provision_refusal refusal = mrl_provision_register(
        r->provisioning, &r->from, mrl_buf_bytes(&r->template), m, &thing, why);

    if (refusal == MRL_PROVISION_OK &&
        mrl_provision_write_thing(r->format, mrl_name_bytes(&thing.device), thing.configuration,
                                  &r->answer) != MRL_OK)
        return MRL_PROVISION_UNAVAILABLE;
    return refusal;
}

static enum mrl_provision_refusal run_message(struct request *r, struct mrl_why *why)
{
    MRL_SCOPED(mrl_provision_message) m = {0};

    if (mrl_provision_message_read(r->format, mrl_buf_bytes(&r->payload), &m, why) != MRL_OK) {
        mrl_provision_note_refused(r->provisioning, &r->from, mrl_buf_bytes(&r->template),
                                   why->text);
        return MRL_PROVISION_BAD_REQUEST;
    }
    *why = (struct mrl_why){""}; /* what may be missing left a sentence */
    return r->run(r, &m, why);
}

static void run_job(struct mrl_job *j)
{
    struct request *r = MRL_CONTAINER(j, struct request, job);
    struct mrl_why why = {""};
    enum mrl_provision_refusal refusal = run_message(r, &why);

    r->accepted = refusal == MRL_PROVISION_OK;
    if (!r->accepted)
        set_error(r, refusal, why.text);
    mrl_mailbox_post(r->mailbox, &r->message);
}

/* --- on the worker --- */

static void send_answer(struct request *r)
{
    struct mrl_publication answer = {.payload = mrl_buf_bytes(&r->answer), .qos = 1};
    struct mrl_publication *shared;
    struct mrl_client *c = r->client;

    if (c == NULL || c->state != MRL_CLIENT_OPEN ||
        mrl_buf_printf(&r->topic, "%s", r->accepted ? "/accepted" : "/rejected") != MRL_OK)
        return;
    answer.topic = mrl_buf_bytes(&r->topic);
    shared = mrl_publication_new(&answer);
    (void)mrl_session_send(c->session, shared); /* who did not subscribe does not want it */
    mrl_publication_unref(shared);
}

/* A certificate alone is no enrolment yet. */
static void count(const struct request *r)
{
    const struct mrl_mqtt_door_config *config = &r->door->config;

    if (!r->accepted)
        mrl_count(config->metrics, config->index, MRL_COUNTER_PROVISION_REFUSED);
    else if (r->run == run_register)
        mrl_count(config->metrics, config->index, MRL_COUNTER_PROVISIONED);
}

static void on_answered(struct mrl_message *m, void *owner)
{
    struct request *r = MRL_CONTAINER(m, struct request, message);

    (void)owner;
    count(r);
    send_answer(r);
    request_free(r);
}

static void drop_answered(struct mrl_message *m)
{
    request_free(MRL_CONTAINER(m, struct request, message));
}

void mrl_client_drop_requests(struct mrl_client *c)
{
    MRL_LIST_EACH(r, &c->requests, struct request, link)
    {
        mrl_list_remove(&r->link);
        r->client = NULL;
    }
}

static void keep(struct mrl_buf *to, mrl_bytes bytes)
{
    if (mrl_buf_append(to, bytes) != MRL_OK)
        abort(); /* without a limit it takes all a packet can hold */
}

static void tell_who(struct request *r, const struct mrl_client *c)
{
    (void)mrl_name_set(&r->claim, c->subject.id); /* a name since it was stored */
    r->certificate = mrl_conn_facts(c->conn)->fingerprint;
    mrl_peer_format(mrl_conn_peer(c->conn), r->source);
    keep(&r->client_id, mrl_session_key(c->session)->client_id);
    r->from = (struct mrl_provision_from){.claim = mrl_name_bytes(&r->claim),
                                          .certificate = &r->certificate,
                                          .client_id = mrl_buf_bytes(&r->client_id),
                                          .source = mrl_str(r->source)};
}

static struct request *request_new(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                                   mrl_bytes format)
{
    const struct mrl_mqtt_door_config *config = &c->door->config;
    struct request *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->job.run = run_job;
    r->message = (struct mrl_message){.handle = on_answered, .drop = drop_answered};
    r->client = c;
    r->door = c->door;
    r->mailbox = config->mailbox;
    r->provisioning = config->provisioning;
    (void)mrl_provision_format_parse(format, &r->format); /* the table looked */
    r->payload.secret = r->answer.secret = true;
    keep(&r->topic, p->topic);
    tell_who(r, c);
    mrl_list_init(&r->link);
    return r;
}

static void answer_now(struct request *r, enum mrl_provision_refusal refusal, const char *why)
{
    set_error(r, refusal, why);
    count(r);
    send_answer(r);
    request_free(r);
}

static unsigned under_way(struct mrl_client *c)
{
    unsigned n = 0;

    MRL_LIST_EACH(r, &c->requests, struct request, link)
    n += r->client == c;
    return n;
}

static void submit(struct mrl_client *c, struct request *r, const struct mrl_mqtt_publish *p)
{
    if (under_way(c) >= MRL_PROVISION_AT_ONCE) {
        answer_now(r, MRL_PROVISION_THROTTLED, "too many requests of this connection at once");
        return;
    }
    keep(&r->payload, p->payload);
    if (mrl_service_submit(c->door->config.provisioning_service, &r->job) != MRL_OK) {
        answer_now(r, MRL_PROVISION_THROTTLED, "too many requests wait, try again later");
        return;
    }
    mrl_list_add(&c->requests, &r->link);
}

void mrl_client_on_create_from_csr(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                                   const mrl_bytes *variables)
{
    struct request *r = request_new(c, p, variables[0]);

    r->run = run_certify;
    mrl_client_take_publish(c, p);
    submit(c, r, p);
}

void mrl_client_on_register_thing(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                                  const mrl_bytes *variables)
{
    struct request *r = request_new(c, p, variables[1]);

    r->run = run_register;
    keep(&r->template, variables[0]);
    mrl_client_take_publish(c, p);
    submit(c, r, p);
}

/* A private key that was on the network is not the device's alone. */
void mrl_client_on_create_keys(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                               const mrl_bytes *variables)
{
    static const char why[] = "keys are made on the device: use create-from-csr";
    struct request *r = request_new(c, p, variables[0]);

    mrl_client_take_publish(c, p);
    mrl_provision_note_refused(r->provisioning, &r->from, p->topic, why);
    answer_now(r, MRL_PROVISION_DENIED, why);
}
