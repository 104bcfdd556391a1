/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/wipe.h"

#include <semaphore.h>

#include "base/clock.h"
#include "base/hex.h"
#include "crypto/cert_build.h"
#include "tests/unit/devices/fixture.h"

enum { WITHIN_S = 100, LIFE_S = 1000 };

/* A device with a key of its own and a certificate that can be read. */
struct holder {
    struct mrl_key *key;
    struct mrl_cert *cert;
};

static void holder_done(struct holder *h)
{
    mrl_key_free(h->key);
    mrl_cert_free(h->cert);
}

static const struct mrl_fingerprint *fingerprint(const struct holder *h)
{
    return &mrl_cert_facts(h->cert)->fingerprint;
}

static void make(struct fixture *f, enum mrl_key_type type, const char *id, int64_t life_s,
                 struct holder *out)
{
    struct mrl_cert_profile p = {.kind = MRL_CERT_ROOT_CA,
                                 .cn = mrl_str(id),
                                 .not_before = mrl_wall_s() - 10,
                                 .not_after = mrl_wall_s() + life_s};
    MRL_SCOPED(mrl_buf) der = {0};
    const struct mrl_cert_facts *facts;

    mrl_serial_random(p.serial);
    assert_ok(mrl_key_generate(type, &out->key, NULL));
    assert_ok(mrl_cert_build(&p, NULL, out->key, &der, NULL));
    assert_ok(mrl_cert_from_der(mrl_buf_bytes(&der), &out->cert));
    facts = mrl_cert_facts(out->cert);
    assert_ok(enrol(f, &(struct mrl_credential_new){.kind = MRL_PRINCIPAL_DEVICE,
                                                    .id = mrl_str(id),
                                                    .fingerprint = facts->fingerprint,
                                                    .serial = MRL_LIT("\x01\x02"),
                                                    .not_before = facts->not_before,
                                                    .not_after = facts->not_after,
                                                    .spki = facts->spki,
                                                    .der = facts->der}));
}

static void retire(struct fixture *f, const char *id)
{
    assert_ok(
        mrl_device_retire_and_wipe(f->registry, &admin, mrl_str(id), MRL_LIT("scrapped"), NULL));
}

static int set_up_wipes(void **state)
{
    if (set_up(state) != 0)
        return -1;
    mrl_registry_wipe_within(((struct fixture *)*state)->registry, WITHIN_S);
    return 0;
}

/* A later moment, for all that asks what time it is. */
static void set_clock(int64_t wall_ms)
{
    mrl_clock_trust(wall_ms, mrl_machine_passed_ms(), 1);
}

static bool is_open(struct fixture *f, const struct holder *h, struct mrl_wipe_order *out)
{
    return mrl_wipe_find(f->registry, fingerprint(h), mrl_wall_s(), out);
}

/* --- what is signed */

static void sign(const struct holder *h, const char *device, const struct mrl_wipe_order *o,
                 struct mrl_buf *text)
{
    MRL_SCOPED(mrl_buf) signature = {0};
    char key[2 * MRL_SHA256_SIZE + 1];

    mrl_hex(mrl_bytes_of(o->key, sizeof(o->key)), key);
    assert_ok(mrl_buf_printf(text, "merlon wipe receipt v1\ndevice %s\norder %s\nkey %s\ntime 1\n",
                             device, o->order, key));
    assert_ok(mrl_key_sign(h->key, mrl_buf_bytes(text), &signature));
    assert_ok(mrl_buf_append(text, MRL_LIT("signature ")));
    assert_ok(mrl_base64_write(mrl_buf_bytes(&signature), 0, text));
    assert_ok(mrl_buf_append(text, MRL_LIT("\n")));
}

struct waiting {
    sem_t done;
    mrl_err result;
};

static void on_done(void *context, mrl_err result)
{
    struct waiting *w = context;

    w->result = result;
    assert_int_equal(sem_post(&w->done), 0);
}

static mrl_err run_nothing(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)tx;
    (void)w;
    return MRL_OK;
}

static mrl_err answer(struct fixture *f, const struct holder *h, const char *device,
                      const struct mrl_wipe_order *o)
{
    const struct mrl_audit_event who = {
        .actor = {MRL_ACTOR_DEVICE, mrl_str(device), MRL_LIT("certificate")},
        .source = MRL_LIT("127.0.0.1"),
        .target = mrl_str(device)};
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_wipe_receipt) receipt = {0};
    struct mrl_write behind_it = {.run = run_nothing};
    struct waiting w;

    sign(h, device, o, &text);
    assert_ok(mrl_wipe_receipt_read(mrl_buf_bytes(&text), &receipt));
    assert_ok(mrl_wipe_receipt_check(&receipt, mrl_str(device), o, NULL));
    assert_int_equal(sem_init(&w.done, 0, 0), 0);
    mrl_wipe_answer(f->registry, &who, fingerprint(h), &receipt, on_done, &w);
    assert_int_equal(sem_wait(&w.done), 0);
    assert_int_equal(sem_destroy(&w.done), 0);
    assert_ok(mrl_store_write(f->store, &behind_it)); /* what it changed is published */
    return w.result;
}

struct shown {
    enum mrl_wipe_state state;
    char order[MRL_WIPE_ORDER_TEXT];
    size_t message, signature;
    uint8_t spki[MRL_KEY_SPKI_MAX];
    size_t spki_len;
};

static void on_show(void *context, const struct mrl_wipe_info *w)
{
    struct shown *s = context;

    s->state = w->state;
    assert_true(mrl_bytes_to_cstr(w->order, s->order, sizeof(s->order)));
    s->message = w->message.len;
    s->signature = w->signature.len;
    s->spki_len = w->spki.len;
    assert_true(w->spki.len <= sizeof(s->spki));
    if (w->spki.len > 0)
        memcpy(s->spki, w->spki.data, w->spki.len);
}

static struct shown show(struct fixture *f, const char *id)
{
    struct shown s = {0};

    assert_ok(mrl_wipe_show(f->registry, mrl_str(id), on_show, &s, NULL));
    return s;
}

/* --- the tests */

static void with_every_kind_of_key_it_is_ordered_answered_and_over(void **state)
{
    static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384, MRL_KEY_ED25519};
    struct fixture *f = *state;

    for (size_t i = 0; i < MRL_COUNT(types); i++) {
        char id[] = "d0";
        struct holder h;
        struct mrl_wipe_order o;
        struct shown s;

        id[1] = (char)('0' + i);
        add(f, id, "");
        make(f, types[i], id, LIFE_S, &h);
        assert_false(is_open(f, &h, NULL));
        retire(f, id);
        assert_true(is_open(f, &h, &o));
        assert_int_equal(show(f, id).state, MRL_WIPE_ORDERED);
        assert_int_equal(show(f, id).spki_len, 0);
        assert_ok(answer(f, &h, id, &o));
        assert_false(is_open(f, &h, NULL));
        s = show(f, id);
        assert_int_equal(s.state, MRL_WIPE_ANSWERED);
        assert_string_equal(s.order, o.order);
        assert_true(s.message > 0 && s.signature > 0);
        assert_bytes_equal(mrl_bytes_of(s.spki, s.spki_len), mrl_cert_facts(h.cert)->spki);
        holder_done(&h);
    }
    assert_int_equal(audited(f->store, "device.wipe_ordered", NULL), 3);
    assert_int_equal(audited(f->store, "device.wiped", "\"device_time\":1"), 3);
}

static void the_same_answer_twice_is_one_entry(void **state)
{
    struct fixture *f = *state;
    struct mrl_wipe_order o;
    struct holder h;

    add(f, "a", "");
    make(f, MRL_KEY_P256, "a", LIFE_S, &h);
    retire(f, "a");
    assert_true(is_open(f, &h, &o));
    assert_ok(answer(f, &h, "a", &o));
    assert_ok(answer(f, &h, "a", &o));
    assert_int_equal(audited(f->store, "device.wiped", NULL), 1);
    holder_done(&h);
}

static void after_a_lift_no_answer_is_taken(void **state)
{
    struct fixture *f = *state;
    struct mrl_wipe_order o;
    struct holder h;

    add(f, "a", "");
    make(f, MRL_KEY_P256, "a", LIFE_S, &h);
    retire(f, "a");
    assert_true(is_open(f, &h, &o));
    assert_ok(change(f, "a", MRL_DEVICE_LIFT));
    assert_false(is_open(f, &h, NULL));
    assert_int_equal(answer(f, &h, "a", &o), MRL_ERR_STATE);
    assert_int_equal(show(f, "a").state, MRL_WIPE_WITHDRAWN);
    assert_int_equal(audited(f->store, "device.wiped", NULL), 0);
    holder_done(&h);
}

static void each_certificate_that_was_good_may_answer_for_all(void **state)
{
    struct fixture *f = *state;
    struct mrl_wipe_order o, of_other;
    struct holder h, other;

    add(f, "a", "");
    make(f, MRL_KEY_P256, "a", LIFE_S, &h);
    make(f, MRL_KEY_P256, "a", LIFE_S, &other);
    retire(f, "a");
    assert_true(is_open(f, &h, &o) && is_open(f, &other, &of_other));
    assert_string_equal(o.order, of_other.order);
    assert_memory_not_equal(o.key, of_other.key, sizeof(o.key));
    assert_ok(answer(f, &other, "a", &of_other));
    assert_false(is_open(f, &h, NULL) || is_open(f, &other, NULL));
    holder_done(&h);
    holder_done(&other);
}

static void without_a_certificate_or_time_none_is_made(void **state)
{
    struct fixture *f = *state;
    struct holder h;

    add(f, "a", ""); /* nothing to sign with */
    retire(f, "a");
    add(f, "b", "");
    make(f, MRL_KEY_P256, "b", LIFE_S, &h);
    assert_ok(change(f, "b", MRL_DEVICE_RETIRE)); /* not asked for */
    assert_false(is_open(f, &h, NULL));
    holder_done(&h);
    mrl_registry_wipe_within(f->registry, 0);
    add(f, "c", "");
    make(f, MRL_KEY_P256, "c", LIFE_S, &h);
    retire(f, "c");
    assert_false(is_open(f, &h, NULL));
    holder_done(&h);
    assert_int_equal(mrl_wipe_show(f->registry, MRL_LIT("c"), on_show, NULL, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_int_equal(audited(f->store, "device.wipe_ordered", NULL), 0);
}

/* Open in the last second before the end and not at it, also for a daemon that starts then. */
static void it_ends_with_its_time_or_with_the_certificate(void **state)
{
    static const struct {
        const char *id;
        int64_t life_s, end_s; /* from now on */
    } rows[] = {{"a", LIFE_S, WITHIN_S}, {"b", WITHIN_S / 2, WITHIN_S / 2 + 1}};
    struct fixture *f = *state;
    struct mrl_wipe_order orders[MRL_COUNT(rows)];
    struct holder holders[MRL_COUNT(rows)];

    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        int64_t now_s = mrl_wall_s();

        add(f, rows[i].id, "");
        make(f, MRL_KEY_P256, rows[i].id, rows[i].life_s, &holders[i]);
        retire(f, rows[i].id);
        assert_true(is_open(f, &holders[i], &orders[i]));
        assert_true(orders[i].until_s >= now_s + rows[i].end_s &&
                    orders[i].until_s <= mrl_wall_s() + rows[i].end_s);
    }
    for (size_t i = MRL_COUNT(rows); i-- > 0;) {
        const struct mrl_fingerprint *of = fingerprint(&holders[i]);
        int64_t end_s = orders[i].until_s;

        set_clock((end_s - 1) * 1000);
        registry_stop(f);
        registry_start(f);
        assert_true(mrl_wipe_find(f->registry, of, end_s - 1, NULL));
        assert_false(mrl_wipe_find(f->registry, of, end_s, NULL));
    }
    assert_int_equal(show(f, "a").state, MRL_WIPE_ORDERED);
    set_clock((orders[0].until_s + 2) * 1000); /* the store keeps milliseconds */
    registry_stop(f);
    registry_start(f);
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        assert_false(mrl_wipe_find(f->registry, fingerprint(&holders[i]), 0, NULL));
        assert_int_equal(show(f, rows[i].id).state, MRL_WIPE_EXPIRED);
        holder_done(&holders[i]);
    }
}

static void it_outlives_a_restart_and_so_does_its_answer(void **state)
{
    struct fixture *f = *state;
    struct mrl_wipe_order o, again;
    struct holder h;

    add(f, "a", "");
    make(f, MRL_KEY_P256, "a", LIFE_S, &h);
    retire(f, "a");
    assert_true(is_open(f, &h, &o));
    registry_stop(f);
    registry_start(f);
    assert_true(is_open(f, &h, &again));
    assert_string_equal(o.order, again.order);
    assert_ok(answer(f, &h, "a", &again));
    registry_stop(f);
    registry_start(f);
    assert_false(is_open(f, &h, NULL));
    assert_int_equal(show(f, "a").state, MRL_WIPE_ANSWERED);
    holder_done(&h);
}

#define WITH_WIPES(test) cmocka_unit_test_setup_teardown(test, set_up_wipes, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WIPES(with_every_kind_of_key_it_is_ordered_answered_and_over),
        WITH_WIPES(the_same_answer_twice_is_one_entry),
        WITH_WIPES(after_a_lift_no_answer_is_taken),
        WITH_WIPES(each_certificate_that_was_good_may_answer_for_all),
        WITH_WIPES(without_a_certificate_or_time_none_is_made),
        WITH_WIPES(it_outlives_a_restart_and_so_does_its_answer),
        WITH_WIPES(it_ends_with_its_time_or_with_the_certificate), /* sets the clock: the last */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
