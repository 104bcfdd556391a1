/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/psk.h"

#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "tests/unit/devices/fixture.h"

static mrl_err give(struct fixture *f, const struct mrl_psk_wish *wish, struct mrl_psk_new *out)
{
    struct mrl_psk_new made = {.key = NULL};
    mrl_err err = mrl_psk_add(f->registry, &admin, wish, &made, NULL);

    if (out != NULL)
        *out = made;
    else
        mrl_psk_new_done(&made);
    return err;
}

static struct mrl_psk_new given(struct fixture *f, const char *device)
{
    const struct mrl_psk_wish wish = {.device = mrl_str(device)};
    struct mrl_psk_new made = {.key = NULL};

    assert_ok(give(f, &wish, &made));
    return made;
}

/* What a handshake gets that names this identity. */
static bool opens(struct fixture *f, const struct mrl_psk_new *p)
{
    MRL_AUTO(mrl_secret) key = NULL;
    enum mrl_judgement j = judged(f, &p->fingerprint, mrl_wall_s());

    assert_ok(mrl_psk_open(f->registry, &p->fingerprint, j, &key));
    return mrl_secret_eq(mrl_secret_bytes(key), mrl_secret_bytes(p->key));
}

static int64_t stored_secrets(struct fixture *f);

static void a_key_makes_its_device_active_and_outlives_a_restart(void **state)
{
    struct fixture *f = *state;
    struct mrl_psk_new p;

    add(f, "d1", "");
    p = given(f, "d1");
    assert_int_equal(strlen(p.identity), strlen("d1#") + 8);
    assert_int_equal(mrl_secret_bytes(p.key).len, MRL_PSK_MADE);
    assert_true(p.not_after == MRL_PSK_NO_END);
    assert_int_equal(state_of(f, "d1"), MRL_DEVICE_ACTIVE);
    assert_int_equal(judged(f, &p.fingerprint, mrl_wall_s()), MRL_JUDGED_ACCEPTED);
    assert_true(opens(f, &p));
    registry_stop(f);
    registry_start(f);
    assert_true(opens(f, &p));
    mrl_psk_new_done(&p);
}

static void the_fingerprint_is_of_the_identity_alone(void **state)
{
    struct mrl_fingerprint a, b, cert;

    (void)state;
    assert_ok(mrl_psk_fingerprint(MRL_LIT("d1#1"), &a));
    assert_ok(mrl_psk_fingerprint(MRL_LIT("d1#1"), &b));
    assert_memory_equal(&a, &b, sizeof(a));
    assert_ok(mrl_psk_fingerprint(MRL_LIT("d1#2"), &b));
    assert_memory_not_equal(&a, &b, sizeof(a));
    assert_ok(mrl_fingerprint_of(MRL_LIT("d1#1"), &cert));
    assert_memory_not_equal(&a, &cert, sizeof(a));
}

static void a_revoked_key_is_erased_and_the_others_stay(void **state)
{
    struct fixture *f = *state;
    struct mrl_psk_new p, q;

    add(f, "d1", "");
    p = given(f, "d1");
    q = given(f, "d1");
    assert_int_equal(stored_secrets(f), 2);
    assert_int_equal(mrl_psk_revoke(f->registry, &admin, MRL_LIT("d2"), mrl_str(p.identity),
                                    MRL_LIT("lost"), NULL),
                     MRL_ERR_NOT_FOUND);
    assert_ok(mrl_psk_revoke(f->registry, &admin, MRL_LIT("d1"), mrl_str(p.identity),
                             MRL_LIT("lost"), NULL));
    assert_int_equal(mrl_psk_revoke(f->registry, &admin, MRL_LIT("d1"), mrl_str(p.identity),
                                    MRL_LIT("lost"), NULL),
                     MRL_ERR_STATE);
    assert_int_equal(judged(f, &p.fingerprint, mrl_wall_s()), MRL_JUDGED_REVOKED);
    assert_int_equal(stored_secrets(f), 1);
    assert_false(opens(f, &p));
    assert_true(opens(f, &q));
    mrl_psk_new_done(&p);
    mrl_psk_new_done(&q);
}

static void whatever_ends_the_device_ends_its_keys(void **state)
{
    static const enum mrl_device_action ends[] = {MRL_DEVICE_REVOKE, MRL_DEVICE_RETIRE};
    static const char *const names[] = {"d1", "d2"};
    struct fixture *f = *state;

    for (size_t i = 0; i < MRL_COUNT(ends); i++) {
        struct mrl_psk_new p;

        add(f, names[i], "");
        p = given(f, names[i]);
        assert_ok(change(f, names[i], ends[i]));
        assert_false(opens(f, &p));
        assert_int_equal(stored_secrets(f), 0);
        mrl_psk_new_done(&p);
    }
}

static void use(struct fixture *f, const struct mrl_fingerprint *fp)
{
    mrl_credential_seen(f->registry, fp);
    assert_int_equal(change(f, "other", MRL_DEVICE_SUSPEND), MRL_ERR_NOT_FOUND); /* after it */
}

static void a_key_in_use_ends_keys_and_a_certificate_in_use_ends_both(void **state)
{
    struct fixture *f = *state;
    struct fake_cert cert, newer;
    struct mrl_psk_new old, p;

    add(f, "d1", "");
    old = given(f, "d1");
    fake_cert(&cert, MRL_PRINCIPAL_DEVICE, "d1", 1);
    cert.it.not_after = MRL_PSK_NO_END;
    assert_ok(enrol(f, &cert.it));
    p = given(f, "d1");
    use(f, &p.fingerprint);
    assert_int_equal(judged(f, &old.fingerprint, mrl_wall_s()), MRL_JUDGED_SUPERSEDED);
    assert_int_equal(judged(f, &cert.it.fingerprint, mrl_wall_s()), MRL_JUDGED_ACCEPTED);
    assert_true(opens(f, &p) && !opens(f, &old));
    fake_cert(&newer, MRL_PRINCIPAL_DEVICE, "d1", 2);
    newer.it.not_after = MRL_PSK_NO_END;
    assert_ok(enrol(f, &newer.it));
    use(f, &newer.it.fingerprint);
    assert_int_equal(judged(f, &p.fingerprint, mrl_wall_s()), MRL_JUDGED_SUPERSEDED);
    assert_int_equal(judged(f, &cert.it.fingerprint, mrl_wall_s()), MRL_JUDGED_SUPERSEDED);
    assert_int_equal(stored_secrets(f), 0);
    mrl_psk_new_done(&old);
    mrl_psk_new_done(&p);
}

static void weak_keys_are_known(void **state)
{
    static const struct {
        mrl_bytes key;
        const char *why;
    } rows[] = {
        {MRL_LIT_INIT("sixteen letters!"), "text"},
        {MRL_LIT_INIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "repeats"},
        {MRL_LIT_INIT("\x81\x42\x13\x99\xa0\xfe\x27\x5b\x81\x42\x13\x99\xa0\xfe\x27\x5b"),
         "repeats"},
        {MRL_LIT_INIT("\xf0\xf3\xf6\xf9\xfc\xff\x02\x05\x08\x0b\x0e\x11\x14\x17\x1a\x1d"),
         "sequence"},
        {MRL_LIT_INIT("\x81\x42\x13\x99\x99\x13\x42\x81\x81\x13\x42\x99\x42\x42\x13\x81"),
         "too few"},
        {MRL_LIT_INIT("\x81\x42\x13\x99\xa0\xfe\x27\x5b\x00\xd1\x6e\x33\x34\x35\x36\x37"), NULL},
    };
    uint8_t random[MRL_PSK_MIN];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        const char *weakness = mrl_psk_weakness(rows[i].key);

        if (rows[i].why == NULL)
            assert_null(weakness);
        else if (weakness == NULL || strstr(weakness, rows[i].why) == NULL)
            fail_msg("%zu: %s", i, weakness == NULL ? "good" : weakness);
    }
    for (unsigned i = 0; i < 10000; i++) {
        mrl_random(random, sizeof(random));
        assert_null(mrl_psk_weakness(mrl_bytes_of(random, sizeof(random))));
    }
}

static void sizes_hold_at_the_limit_and_not_one_above(void **state)
{
    struct fixture *f = *state;
    uint8_t key[MRL_PSK_MAX + 1];
    char identity[MRL_PSK_IDENTITY_MAX + 1];
    struct mrl_psk_wish w = {.device = MRL_LIT("d1")};

    add(f, "d1", "");
    memset(identity, 'x', sizeof(identity));
    mrl_random(key, sizeof(key));
    w.key = mrl_bytes_of(key, MRL_PSK_MIN - 1);
    assert_int_equal(give(f, &w, NULL), MRL_ERR_INVALID);
    w.key = mrl_bytes_of(key, MRL_PSK_MAX + 1);
    assert_int_equal(give(f, &w, NULL), MRL_ERR_INVALID);
    w.identity = mrl_bytes_of(identity, sizeof(identity));
    w.key = mrl_bytes_of(key, MRL_PSK_MIN);
    assert_int_equal(give(f, &w, NULL), MRL_ERR_INVALID);
    w.identity = mrl_bytes_of(identity, MRL_PSK_IDENTITY_MAX);
    assert_ok(give(f, &w, NULL));
    w.identity = MRL_BYTES_NONE;
    w.key = mrl_bytes_of(key, MRL_PSK_MAX);
    assert_ok(give(f, &w, NULL));
    w.key = MRL_BYTES_NONE;
    for (unsigned i = 2; i < MRL_CREDENTIALS_ACTIVE_MAX; i++)
        assert_ok(give(f, &w, NULL));
    assert_int_equal(give(f, &w, NULL), MRL_ERR_LIMIT);
}

static void ends_lie_ahead(void **state)
{
    struct fixture *f = *state;
    struct mrl_psk_wish w = {.device = MRL_LIT("d1"), .not_after = mrl_wall_s()};
    struct mrl_psk_new p;

    add(f, "d1", "");
    assert_int_equal(give(f, &w, NULL), MRL_ERR_INVALID);
    w.not_after = MRL_PSK_NO_END + 1;
    assert_int_equal(give(f, &w, NULL), MRL_ERR_INVALID);
    w.not_after = mrl_wall_s() + 1000;
    assert_ok(give(f, &w, &p));
    assert_int_equal(judged(f, &p.fingerprint, w.not_after), MRL_JUDGED_ACCEPTED);
    assert_int_equal(judged(f, &p.fingerprint, w.not_after + 1), MRL_JUDGED_EXPIRED);
    mrl_psk_new_done(&p);
}

static void an_identity_and_a_key_are_of_one_device_for_ever(void **state)
{
    static const uint8_t key[] = "\x81\x42\x13\x99\xa0\xfe\x27\x5b\x00\xd1\x6e\x33\x34\x35\x36\x37";
    const mrl_bytes bytes = mrl_bytes_of(key, sizeof(key) - 1);
    struct fixture *f = *state;
    struct mrl_psk_wish w = {.device = MRL_LIT("d1"), .identity = MRL_LIT("one"), .key = bytes};

    add(f, "d1", "");
    add(f, "d2", "");
    assert_ok(give(f, &w, NULL));
    assert_int_equal(give(f, &w, NULL), MRL_ERR_EXISTS);
    assert_ok(change(f, "d1", MRL_DEVICE_REVOKE));
    w = (struct mrl_psk_wish){.device = MRL_LIT("d2"), .identity = MRL_LIT("one")};
    assert_int_equal(give(f, &w, NULL), MRL_ERR_EXISTS);
    w = (struct mrl_psk_wish){.device = MRL_LIT("d2"), .key = bytes};
    assert_int_equal(give(f, &w, NULL), MRL_ERR_EXISTS);
    w.device = MRL_LIT("d1");
    assert_ok(give(f, &w, NULL)); /* its own, under another identity */
}

static void who_may_not_enrol_gets_no_key(void **state)
{
    struct fixture *f = *state;
    const struct mrl_psk_wish unknown = {.device = MRL_LIT("d9")}, off = {.device = MRL_LIT("d1")};

    add(f, "d1", "");
    assert_int_equal(give(f, &unknown, NULL), MRL_ERR_NOT_FOUND);
    assert_ok(change(f, "d1", MRL_DEVICE_SUSPEND));
    assert_int_equal(give(f, &off, NULL), MRL_ERR_STATE);
    assert_int_equal(stored_secrets(f), 0);
}

struct seen {
    size_t count;
    char text[256];
};

static void on_psk(void *context, const struct mrl_psk_info *p)
{
    struct seen *s = context;

    (void)snprintf(&s->text[strlen(s->text)], sizeof(s->text) - strlen(s->text), "%.*s=%s ",
                   MRL_FMT(p->identity), mrl_credential_state_name(p->state));
    s->count++;
}

static void a_list_says_what_became_of_each(void **state)
{
    struct fixture *f = *state;
    const struct mrl_psk_wish w = {.device = MRL_LIT("d1"), .identity = MRL_LIT("one")};
    struct seen s = {0};

    add(f, "d1", "");
    assert_ok(give(f, &w, NULL));
    assert_ok(
        mrl_psk_revoke(f->registry, &admin, MRL_LIT("d1"), MRL_LIT("one"), MRL_LIT(""), NULL));
    assert_ok(mrl_psk_list(f->registry, MRL_LIT("d1"), on_psk, &s, NULL));
    assert_string_equal(s.text, "one=revoked ");
    assert_int_equal(mrl_psk_list(f->registry, MRL_LIT("d2"), on_psk, &s, NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(s.count, 1);
}

static mrl_err count_secrets(struct mrl_tx *tx, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT COUNT(*) FROM psks WHERE secret IS NOT NULL", MRL_NO_ARGS,
                             &rows));
    *(int64_t *)context = mrl_row_int(rows, 0);
    return MRL_OK;
}

static int64_t stored_secrets(struct fixture *f)
{
    int64_t n = -1;

    assert_ok(mrl_store_read(f->store, count_secrets, &n));
    return n;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(a_key_makes_its_device_active_and_outlives_a_restart),
        cmocka_unit_test(the_fingerprint_is_of_the_identity_alone),
        WITH_REGISTRY(a_revoked_key_is_erased_and_the_others_stay),
        WITH_REGISTRY(whatever_ends_the_device_ends_its_keys),
        WITH_REGISTRY(a_key_in_use_ends_keys_and_a_certificate_in_use_ends_both),
        cmocka_unit_test(weak_keys_are_known),
        WITH_REGISTRY(sizes_hold_at_the_limit_and_not_one_above),
        WITH_REGISTRY(ends_lie_ahead),
        WITH_REGISTRY(an_identity_and_a_key_are_of_one_device_for_ever),
        WITH_REGISTRY(who_may_not_enrol_gets_no_key),
        WITH_REGISTRY(a_list_says_what_became_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
