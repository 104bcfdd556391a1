/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/provisioning.h"

#include <stdlib.h>

#include "base/clock.h"
#include "doors/admit.h"
#include "doors/mqtt/retry.h"

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
    struct mrl_buf topic, template, payload, answer, correlation;
    bool accepted, correlated;
    struct mrl_place place;
    unsigned retry_after_s; /* of a rejection; 0: none is said */
    struct mrl_name claim;
    struct mrl_fingerprint certificate;
    char source[MRL_PEER_TEXT];
    struct mrl_buf client_id;
    struct mrl_provision_from from; /* views of the above */
};

static void request_free(struct request *r)
{
    mrl_list_remove(&r->link);
    mrl_place_leave(&r->place);
    mrl_buf_done(&r->topic);
    mrl_buf_done(&r->template);
    mrl_buf_done(&r->payload);
    mrl_buf_done(&r->answer);
    mrl_buf_done(&r->correlation);
    mrl_buf_done(&r->client_id);
    free(r);
}

/* NULL: none in the daemon's configuration. */
static struct mrl_admission *admission_of(const struct request *r)
{
    return r->provisioning->onboarding->admission;
}

static bool is_for_later(enum mrl_provision_refusal refusal)
{
    return refusal == MRL_PROVISION_THROTTLED || refusal == MRL_PROVISION_UNAVAILABLE;
}

static void set_error(struct request *r, enum mrl_provision_refusal refusal, const char *why)
{
    struct mrl_provision_error error = {.status = mrl_provision_status(refusal),
                                        .code = mrl_provision_code(refusal),
                                        .message = why};

    if (r->retry_after_s == 0 && is_for_later(refusal) && admission_of(r) != NULL)
        r->retry_after_s = mrl_admission_later(admission_of(r));
    error.retry_after_s = r->retry_after_s;
    r->accepted = false;
    mrl_buf_clear(&r->answer);
    (void)mrl_provision_write_error(r->format, &error,
                                    &r->answer); /* an unbounded buffer takes it */
}

/* --- on a service thread --- */

static enum mrl_provision_refusal
run_certify(struct request *r, const struct mrl_provision_message *m, struct mrl_why *why)
{
    MRL_SCOPED(mrl_provision_certificate) made = {0};
    const struct mrl_provision_told told = {.time_s = mrl_wall_s()};
    enum mrl_provision_refusal refusal =
        mrl_provision_certify(r->provisioning, &r->from, m->csr, &made, why);

    if (refusal == MRL_PROVISION_OK &&
        mrl_provision_write_certificate(r->format, mrl_str(made.id), mrl_buf_bytes(&made.pem),
                                        mrl_secret_bytes(made.token), &told, &r->answer) != MRL_OK)
        return MRL_PROVISION_UNAVAILABLE;
    return refusal;
}

static enum mrl_provision_refusal
run_register(struct request *r, const struct mrl_provision_message *m, struct mrl_why *why)
{
    MRL_SCOPED(mrl_provision_thing) thing = {0};
    enum mrl_provision_refusal refusal = mrl_provision_register(
        r->provisioning, &r->from, mrl_buf_bytes(&r->template), m, &thing, why);
    const struct mrl_provision_told told = {.time_s = mrl_wall_s(),
                                            .offer = thing.has_offer ? &thing.offer : NULL};

    if (refusal == MRL_PROVISION_OK &&
        mrl_provision_write_thing(r->format, mrl_name_bytes(&thing.device), thing.configuration,
                                  &told, &r->answer) != MRL_OK)
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
    struct mrl_publication answer = {.payload = mrl_buf_bytes(&r->answer),
                                     .correlation_data = mrl_buf_bytes(&r->correlation),
                                     .has_correlation_data = r->correlated,
                                     .qos = 1};
    uint8_t property[MRL_RETRY_PROPERTY_MAX];
    struct mrl_publication *shared;
    struct mrl_client *c = r->client;

    if (c == NULL || c->state != MRL_CLIENT_OPEN ||
        mrl_buf_printf(&r->topic, "%s", r->accepted ? "/accepted" : "/rejected") != MRL_OK)
        return;
    answer.topic = mrl_buf_bytes(&r->topic);
    answer.user_properties = mrl_retry_property(r->retry_after_s, property);
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

/* Given back as it came. MQTT 5.0 3.3.2-16, 4.10 */
static void keep_correlation(struct request *r, const struct mrl_mqtt_publish *p)
{
    r->correlated = mrl_mqtt_has(&p->props, MRL_MQTT_PROP_CORRELATION_DATA);
    if (r->correlated)
        keep(&r->correlation, p->props.correlation_data);
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
    keep_correlation(r, p);
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

/* false: too many wait, and it is told when to come again. */
static bool admit(struct mrl_client *c, struct request *r)
{
    const struct mrl_mqtt_door_config *config = &c->door->config;
    struct mrl_deferral deferral;

    if (mrl_place_take(admission_of(r), mrl_conn_peer(c->conn), &r->place, &deferral))
        return true;
    mrl_count(config->metrics, config->index, MRL_COUNTER_ENROL_DEFERRED);
    r->retry_after_s = deferral.wait_s;
    answer_now(r, deferral.of_source ? MRL_PROVISION_THROTTLED : MRL_PROVISION_UNAVAILABLE,
               deferral.why);
    return false;
}

static void submit(struct mrl_client *c, struct request *r, const struct mrl_mqtt_publish *p)
{
    if (under_way(c) >= MRL_PROVISION_AT_ONCE) {
        answer_now(r, MRL_PROVISION_THROTTLED, "too many requests of this connection at once");
        return;
    }
    if (!admit(c, r))
        return;
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
