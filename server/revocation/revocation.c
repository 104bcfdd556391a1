/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation/revocation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/rcu.h"
#include "devices/snapshot.h"
#include "revocation/changes.h"
#include "revocation/files.h"

enum {
    TURN_MS = 1000,
    RETRY_S = 60,
    NICE = 10, /* connections come first */
    PREPARED_AT_ONCE = 8192,
    BACKDATE_S = 3600,
    DELEGATE_LIVES = 16, /* life of a delegate, in lives of an answer, */
    DELEGATE_LEAST_S = 7 * 86400,
    DELEGATE_MOST_S = 30 * 86400,
};

/* All about one CA. */
struct ca {
    const struct mrl_cert *cert;
    uint8_t number; /* of the issuing CA, as the key process counts */
    struct mrl_ocsp_issuer names;
    struct mrl_statuses *statuses;
    struct mrl_answers *answers;
    struct mrl_lists *lists;
    int64_t delegate_retry;           /* not before this second */
    int64_t delegate_until;           /* the end of the newest; 0: none yet */
    uint64_t full_at_ms, delta_at_ms; /* when they are due; monotonic */
    size_t prepared;                  /* how far answers are prepared */
};

struct own {
    uint8_t serial[MRL_STATUS_SERIAL];
    size_t serial_len;
    size_t ca;
    int64_t expires;
    struct mrl_fingerprint fingerprint;
    bool is_new;
};

struct mrl_revocation {
    struct mrl_revocation_config config;
    struct ca cas[MRL_REVOCATION_CAS_MAX];
    _Atomic size_t ca_count; /* only grows; what is below it is whole */
    struct mrl_changes *changes;
    _Atomic bool loaded;
    _Atomic uint64_t certificates;

    pthread_t thread;
    bool running;
    atomic_bool stopping;
    pthread_mutex_t lock; /* of the three below */
    pthread_cond_t wake;
    struct own own;
    bool has_own;
    int64_t staple_at; /* the thread's: when the next is due */
};

/* --- the CAs --- */

static mrl_err make_ca(struct mrl_revocation *r, struct ca *ca, const struct mrl_cert *cert,
                       uint8_t number, struct mrl_why *why)
{
    const struct mrl_revocation_config *c = &r->config;
    struct mrl_answers_config answers = {.life_s = (int64_t)c->answer_life_s,
                                         .kept = c->answers_kept};
    struct mrl_lists_config lists = {
        .store = c->store,
        .keys = c->keys,
        .folder = c->folder,
        .stop = &r->stopping,
        .ca = mrl_cert_facts(cert)->ski,
        .shards = c->has_url,
        .life_s = (int64_t)c->list_life_s,
        .delta_life_s = (int64_t)(2 * c->list_every_s),
    };

    ca->cert = cert;
    ca->number = number;
    ca->statuses = mrl_statuses_new();
    MRL_TRY(mrl_ocsp_issuer_of(cert, &ca->names));
    answers.issuer = ca->names;
    MRL_TRY(mrl_answers_new(&answers, &ca->answers));
    lists.statuses = ca->statuses;
    return mrl_lists_new(&lists, &ca->lists, why);
}

static void free_ca(struct ca *ca)
{
    mrl_lists_free(ca->lists);
    mrl_answers_free(ca->answers);
    mrl_statuses_free(ca->statuses);
}

static mrl_err add_ca(struct mrl_revocation *r, const struct mrl_cert *cert, uint8_t number,
                      struct mrl_why *why)
{
    struct ca *ca = &r->cas[r->ca_count];
    mrl_err err = make_ca(r, ca, cert, number, why);

    if (err == MRL_OK) {
        r->ca_count++;
        return MRL_OK;
    }
    free_ca(ca);
    *ca = (struct ca){0};
    return err;
}

static void init_waiting(struct mrl_revocation *r)
{
    pthread_condattr_t attributes;

    (void)pthread_mutex_init(&r->lock, NULL); /* none of these can fail with such arguments */
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&r->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

mrl_err mrl_revocation_new(const struct mrl_revocation_config *config, struct mrl_revocation **out,
                           struct mrl_why *why)
{
    MRL_AUTO(mrl_revocation) r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->config = *config;
    init_waiting(r);
    if (config->cas->count == 0 || config->cas->count > MRL_REVOCATION_CAS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "revocation is told for 1 to %d CAs",
                        MRL_REVOCATION_CAS_MAX);
    for (size_t i = 0; i < config->cas->count; i++)
        MRL_TRY(add_ca(r, config->cas->certs[i], config->numbers != NULL ? config->numbers[i] : 0,
                       why));
    r->changes = mrl_changes_new(config->store, &r->stopping);
    for (size_t i = 0; i < config->also_count; i++)
        MRL_TRY(mrl_changes_also(r->changes, config->also[i]));
    MRL_TRY(mrl_files_folder(config->folder, why));
    *out = MRL_TAKE(r);
    return MRL_OK;
}

void mrl_revocation_free(struct mrl_revocation *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->ca_count; i++)
        free_ca(&r->cas[i]);
    mrl_changes_free(r->changes);
    (void)pthread_cond_destroy(&r->wake); /* nobody waits */
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

mrl_err mrl_revocation_add(struct mrl_revocation *r, const struct mrl_cert *cert, uint8_t number,
                           struct mrl_why *why)
{
    for (size_t i = 0; i < r->ca_count; i++)
        if (mrl_bytes_eq(mrl_cert_facts(r->cas[i].cert)->der, mrl_cert_facts(cert)->der))
            return MRL_OK;
    if (r->ca_count == MRL_REVOCATION_CAS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "revocation is told for at most %d CAs",
                        MRL_REVOCATION_CAS_MAX);
    return add_ca(r, cert, number, why);
}

/* NULL: none of ours. */
static struct ca *issuer_of(struct mrl_revocation *r, mrl_bytes aki)
{
    for (size_t i = 0; i < r->ca_count; i++)
        if (mrl_bytes_eq(mrl_cert_facts(r->cas[i].cert)->ski, aki))
            return &r->cas[i];
    return NULL;
}

/* --- what changed in the registry --- */

/* The Name of who issued a certificate, without reading the rest. RFC 5280 4.1 */
static mrl_err read_issuer(mrl_bytes der, mrl_bytes *out)
{
    struct mrl_reader r = {der, 0}, cert, tbs;
    mrl_bytes skipped;
    uint8_t tag;

    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &cert));
    MRL_TRY(mrl_der_enter(&cert, MRL_DER_SEQUENCE, &tbs));
    for (unsigned i = 0; i < 3; i++) /* version, serial, algorithm */
        MRL_TRY(mrl_der_read_any(&tbs, &tag, &skipped, NULL));
    return mrl_der_read_any(&tbs, &tag, &skipped, out);
}

/* The only one of ours with this name. NULL: none, or *several. */
static struct ca *issuer_named(struct mrl_revocation *r, mrl_bytes name, bool *several)
{
    struct ca *found = NULL;

    *several = false;
    for (size_t i = 0; i < r->ca_count; i++) {
        if (!mrl_bytes_eq(mrl_cert_facts(r->cas[i].cert)->subject, name))
            continue;
        *several = found != NULL;
        found = &r->cas[i];
    }
    return *several ? NULL : found;
}

/* NULL: of another CA, such as that of a manufacturer. */
static struct ca *issuer_of_der(struct mrl_revocation *r, mrl_bytes der)
{
    MRL_AUTO(mrl_cert) cert = NULL;
    struct ca *found;
    mrl_bytes name;
    bool several;

    if (read_issuer(der, &name) != MRL_OK)
        return NULL;
    found = issuer_named(r, name, &several);
    if (!several)
        return found;
    return mrl_cert_from_der(der, &cert) == MRL_OK ? issuer_of(r, mrl_cert_facts(cert)->aki) : NULL;
}

/* Superseded certificates stay good here: nothing is known against their keys. */
static void on_credential(void *context, const struct mrl_change_seen *c)
{
    struct mrl_revocation *r = context;
    struct ca *ca = issuer_of_der(r, c->der);
    struct mrl_status before = {0}, now = {.expires = c->not_after};
    bool known;

    if (ca == NULL)
        return;
    known = mrl_statuses_get(ca->statuses, c->serial, &before);
    now.in_base = before.in_base;
    if (c->state == MRL_CREDENTIAL_REVOKED) {
        now.revoked = c->changed_ms / 1000;
        now.reason = mrl_crl_reason_of(c->reason);
    }
    if (known && before.revoked != 0)
        return; /* once revoked, for ever: RFC 5280 5.3.1 knows no way back but from a hold */
    if (mrl_statuses_put(ca->statuses, c->serial, &now) != MRL_OK)
        mrl_log_error("revocation.certificate_left_out", MRL_FIELD_INT("not_after", c->not_after));
    else if (now.revoked != 0)
        mrl_lists_changed(ca->lists, c->serial);
}

static mrl_err follow_registry(struct mrl_revocation *r)
{
    int64_t since = mrl_wall_s() - 2 * (int64_t)r->config.list_life_s;
    uint64_t count = 0;

    MRL_TRY(mrl_changes_read(r->changes, since, on_credential, r));
    for (size_t i = 0; i < r->ca_count; i++)
        count += mrl_statuses_count(r->cas[i].statuses);
    atomic_store(&r->certificates, count);
    return MRL_OK;
}

/* --- the delegate --- */

static void record_delegate(struct mrl_revocation *r, mrl_bytes der, int64_t not_after)
{
    struct mrl_fingerprint fingerprint;
    char hex[2 * MRL_SHA256_SIZE + 1];
    struct mrl_audit_detail details[2];
    struct mrl_audit_event e = {.action = MRL_AUDIT_OCSP_CERTIFICATE_ISSUED,
                                .actor = {.kind = MRL_ACTOR_SYSTEM, .id = MRL_LIT("merlond")},
                                .details = details,
                                .details_count = MRL_COUNT(details)};

    if (r->config.audit == NULL || mrl_fingerprint_of(der, &fingerprint) != MRL_OK)
        return;
    mrl_hex(mrl_fingerprint_bytes(&fingerprint), hex);
    details[0] = MRL_AUDIT_TEXT("fingerprint", mrl_str(hex));
    details[1] = MRL_AUDIT_INT("not_after", not_after);
    mrl_audit_record(r->config.audit, &e, NULL, NULL);
}

static int64_t delegate_life(const struct mrl_revocation *r)
{
    int64_t life = (int64_t)r->config.answer_life_s * DELEGATE_LIVES;

    if (life < DELEGATE_LEAST_S)
        return DELEGATE_LEAST_S;
    return life < DELEGATE_MOST_S ? life : DELEGATE_MOST_S;
}

/* Not for longer than the CA lives. */
static int64_t delegate_end(const struct mrl_revocation *r, const struct ca *ca, int64_t now)
{
    int64_t end = now + delegate_life(r), last = mrl_cert_facts(ca->cert)->not_after;

    return end < last ? end : last;
}

/* RFC 6960 4.2.2.2: issued by the very CA that its answers are about. */
static mrl_err check_delegate(const struct ca *ca, mrl_bytes der, struct mrl_why *why)
{
    MRL_AUTO(mrl_cert) cert = NULL;

    MRL_TRY(mrl_cert_from_der(der, &cert));
    if (!mrl_bytes_eq(mrl_cert_facts(cert)->aki, mrl_cert_facts(ca->cert)->ski))
        return mrl_fail(why, MRL_ERR_UNSUPPORTED,
                        "the key process issues by another CA: no new answers about this one");
    return MRL_OK;
}

static mrl_err new_delegate(struct mrl_revocation *r, struct ca *ca, int64_t now,
                            struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_keys_issue want = {.kind = MRL_KEYS_OCSP,
                                  .generation = ca->number,
                                  .id = MRL_LIT("merlond-ocsp"),
                                  .not_before = now - BACKDATE_S,
                                  .not_after = delegate_end(r, ca, now)};

    MRL_TRY(mrl_key_generate(MRL_KEY_P256, &key, why));
    MRL_TRY(mrl_key_to_spki(key, &spki));
    want.spki = mrl_buf_bytes(&spki);
    MRL_TRY(mrl_keys_issue(r->config.keys, &want, &der, why));
    record_delegate(r, mrl_buf_bytes(&der), want.not_after);
    MRL_TRY(check_delegate(ca, mrl_buf_bytes(&der), why));
    ca->delegate_until = want.not_after;
    return mrl_answers_set_responder(ca->answers, MRL_TAKE(key), mrl_buf_bytes(&der));
}

/* One that ends with its CA is the last. */
static bool is_last_delegate(const struct ca *ca, int64_t now)
{
    int64_t end = mrl_cert_facts(ca->cert)->not_after;

    return ca->delegate_until >= end || now >= end;
}

static void look_after_delegate(struct mrl_revocation *r, struct ca *ca)
{
    struct mrl_why why = {""};
    int64_t now = mrl_wall_s();

    if (now < mrl_answers_renew_at(ca->answers) || now < ca->delegate_retry ||
        is_last_delegate(ca, now))
        return;
    if (new_delegate(r, ca, now, &why) == MRL_OK)
        return;
    mrl_log_error("revocation.no_responder", MRL_FIELD_STR("why", why.text));
    ca->delegate_retry = now + RETRY_S;
}

/* --- lists --- */

static void tell_failed(const char *event, mrl_err err, const struct mrl_why *why)
{
    if (err == MRL_ERR_CLOSED)
        return; /* asked to stop, or the key process ended: others tell */
    mrl_log_error(event,
                  MRL_FIELD_STR("why", why->text[0] != '\0' ? why->text : mrl_err_name(err)));
}

static void build_all(struct mrl_revocation *r, struct ca *ca, uint64_t now_ms)
{
    struct mrl_why why = {""};
    mrl_err err = mrl_lists_build(ca->lists, &why);
    uint64_t wait_s = err == MRL_OK ? r->config.list_every_s : RETRY_S;

    if (err != MRL_OK)
        tell_failed("revocation.lists_not_built", err, &why);
    ca->full_at_ms = now_ms + wait_s * 1000;
    ca->delta_at_ms = now_ms + r->config.delta_every_s * 1000;
}

static void build_delta(struct mrl_revocation *r, struct ca *ca, uint64_t now_ms)
{
    struct mrl_why why = {""};
    mrl_err err = mrl_lists_build_delta(ca->lists, &why);

    if (err != MRL_OK)
        tell_failed("revocation.delta_not_built", err, &why);
    ca->delta_at_ms = now_ms + r->config.delta_every_s * 1000;
}

static void look_after_lists(struct mrl_revocation *r, struct ca *ca)
{
    uint64_t now_ms = mrl_monotonic_ms();

    if (now_ms >= ca->full_at_ms)
        build_all(r, ca, now_ms);
    else if (mrl_lists_are_behind(ca->lists) && now_ms >= ca->delta_at_ms)
        build_delta(r, ca, now_ms);
}

/* --- answers --- */

/* The next of them by turns: a look at each costs little, and a million of them is much for one
 * second. true: most had to be signed, so it goes on at once. */
static bool prepare_answers(struct ca *ca, int64_t now)
{
    struct mrl_status status;
    mrl_bytes serial;
    size_t made = 0;

    for (size_t i = 0; i < PREPARED_AT_ONCE; i++) {
        if (!mrl_statuses_next(ca->statuses, &ca->prepared, &serial, &status)) {
            ca->prepared = 0;
            mrl_answers_sweep(ca->answers, now);
            return false;
        }
        made += mrl_answers_prepare(ca->answers, serial, &status, now);
    }
    return made > PREPARED_AT_ONCE / 2;
}

/* --- the server's own certificate --- */

void mrl_revocation_set_own(struct mrl_revocation *r, const struct mrl_cert *leaf)
{
    const struct mrl_cert_facts *f;
    struct own own = {.is_new = true};
    struct ca *ca;

    if (r == NULL)
        return;
    f = mrl_cert_facts(leaf);
    ca = issuer_of(r, f->aki);
    if (ca == NULL || f->serial.len > sizeof(own.serial))
        return;
    own.ca = (size_t)(ca - r->cas);
    own.fingerprint = f->fingerprint;
    own.expires = f->not_after;
    own.serial_len = f->serial.len;
    memcpy(own.serial, f->serial.data, f->serial.len);
    (void)pthread_mutex_lock(&r->lock); /* our own, not recursive: cannot fail */
    r->own = own;
    r->has_own = true;
    (void)pthread_cond_signal(&r->wake);
    (void)pthread_mutex_unlock(&r->lock);
}

static bool take_own(struct mrl_revocation *r, struct own *out)
{
    bool has;

    (void)pthread_mutex_lock(&r->lock);
    has = r->has_own;
    *out = r->own;
    r->own.is_new = false;
    (void)pthread_mutex_unlock(&r->lock);
    return has;
}

static mrl_err staple(struct mrl_revocation *r, const struct own *own, int64_t now)
{
    struct ca *ca = &r->cas[own->ca];
    mrl_bytes serial = mrl_bytes_of(own->serial, own->serial_len);
    MRL_SCOPED(mrl_buf) response = {0};
    struct mrl_answer_times times;
    struct mrl_status good = {.expires = own->expires};

    MRL_TRY(mrl_statuses_put(ca->statuses, serial, &good));
    MRL_TRY(mrl_answers_write(ca->answers, MRL_OCSP_SHA1, serial, &good, now, &response, &times));
    r->staple_at = now + (times.next_update - now) / 2;
    r->config.staple(r->config.staple_context, &own->fingerprint, mrl_buf_bytes(&response));
    return MRL_OK;
}

static void look_after_own(struct mrl_revocation *r)
{
    int64_t now = mrl_wall_s();
    struct own own;

    if (!take_own(r, &own) || r->config.staple == NULL || (!own.is_new && now < r->staple_at))
        return;
    if (staple(r, &own, now) != MRL_OK)
        r->staple_at = now; /* the next turn tries again */
}

/* --- the thread --- */

static void wait_turn(struct mrl_revocation *r)
{
    uint64_t end = mrl_monotonic_ms() + TURN_MS;
    struct timespec until = {.tv_sec = (time_t)(end / 1000),
                             .tv_nsec = (long)(end % 1000) * 1000000};

    (void)pthread_mutex_lock(&r->lock);
    if (!atomic_load(&r->stopping) && !r->own.is_new)
        (void)pthread_cond_timedwait(&r->wake, &r->lock, &until);
    (void)pthread_mutex_unlock(&r->lock);
}

/* true: there is more to do at once. */
static bool turn(struct mrl_revocation *r)
{
    bool more = false;

    if (follow_registry(r) != MRL_OK)
        return false; /* the store is busy or fails: the next turn tries again */
    atomic_store(&r->loaded, true);
    for (size_t i = 0; i < r->ca_count; i++)
        look_after_delegate(r, &r->cas[i]);
    look_after_own(r);
    for (size_t i = 0; i < r->ca_count; i++) {
        look_after_lists(r, &r->cas[i]);
        more |= prepare_answers(&r->cas[i], mrl_wall_s());
    }
    return more;
}

static void *run(void *argument)
{
    struct mrl_revocation *r = argument;

    mrl_rcu_register();
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE); /* else as all others */
    while (!atomic_load(&r->stopping))
        if (!turn(r))
            wait_turn(r);
    return NULL;
}

mrl_err mrl_revocation_start(struct mrl_revocation *r, struct mrl_why *why)
{
    if (pthread_create(&r->thread, NULL, run, r) != 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot start the thread for revocation");
    r->running = true;
    return MRL_OK;
}

void mrl_revocation_stop(struct mrl_revocation *r)
{
    if (r == NULL || !r->running)
        return;
    (void)pthread_mutex_lock(&r->lock);
    atomic_store(&r->stopping, true);
    (void)pthread_cond_signal(&r->wake);
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_join(r->thread, NULL); /* our own thread, joined once */
    r->running = false;
}

void mrl_revocation_count(const struct mrl_revocation *r, struct mrl_revocation_counts *out)
{
    *out = (struct mrl_revocation_counts){.certificates = atomic_load(&r->certificates)};
    for (size_t i = 0; i < r->ca_count; i++)
        out->answers += mrl_answers_count(r->cas[i].answers);
}

/* --- readers --- */

static enum mrl_ocsp_status refuse(enum mrl_ocsp_status status, struct mrl_buf *out)
{
    uint8_t response[MRL_OCSP_ERROR_SIZE];

    mrl_ocsp_error(status, response);
    return mrl_buf_append(out, mrl_bytes_of(response, sizeof(response))) == MRL_OK
               ? status
               : MRL_OCSP_INTERNAL_ERROR;
}

static struct ca *ca_asked_for(struct mrl_revocation *r, const struct mrl_ocsp_request *q)
{
    for (size_t i = 0; i < r->ca_count; i++)
        if (mrl_ocsp_issuer_is(&r->cas[i].names, q))
            return &r->cas[i];
    return NULL;
}

static enum mrl_ocsp_status status_of(struct mrl_revocation *r, const struct mrl_ocsp_request *q,
                                      struct ca **ca, struct mrl_status *out)
{
    bool known;

    *ca = ca_asked_for(r, q);
    if (*ca == NULL)
        return MRL_OCSP_UNAUTHORIZED;
    mrl_rcu_read_begin();
    known = mrl_statuses_get((*ca)->statuses, q->serial, out);
    mrl_rcu_read_end();
    if (known)
        return MRL_OCSP_SUCCESSFUL;
    return atomic_load(&r->loaded) ? MRL_OCSP_UNAUTHORIZED : MRL_OCSP_TRY_LATER;
}

enum mrl_ocsp_status mrl_revocation_answer(struct mrl_revocation *r, mrl_bytes request,
                                           struct mrl_buf *out, struct mrl_answer_times *times)
{
    struct mrl_ocsp_request q;
    struct mrl_status status;
    enum mrl_ocsp_status result;
    struct ca *ca;
    mrl_err err = mrl_ocsp_read_request(request, &q);

    if (err != MRL_OK)
        return refuse(err == MRL_ERR_UNSUPPORTED ? MRL_OCSP_UNAUTHORIZED : MRL_OCSP_MALFORMED, out);
    result = status_of(r, &q, &ca, &status);
    if (result != MRL_OCSP_SUCCESSFUL)
        return refuse(result, out);
    err = mrl_answers_write(ca->answers, q.hash, q.serial, &status, mrl_wall_s(), out, times);
    if (err == MRL_OK)
        return MRL_OCSP_SUCCESSFUL;
    return refuse(err == MRL_ERR_STATE ? MRL_OCSP_TRY_LATER : MRL_OCSP_INTERNAL_ERROR, out);
}

struct mrl_list_view *mrl_revocation_list(struct mrl_revocation *r, mrl_bytes name)
{
    struct mrl_list_view *v = NULL;

    for (size_t i = 0; i < r->ca_count && v == NULL; i++)
        v = mrl_list_get(r->cas[i].lists, name);
    return v;
}
