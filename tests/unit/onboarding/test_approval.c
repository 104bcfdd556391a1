/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/approval.h"

#include <string.h>

#include "tests/unit/onboarding/fixture.h"

struct ask {
    struct mrl_write write;
    const char *device;
    int64_t now;
    enum mrl_approval_state state;
    mrl_err (*run)(struct mrl_tx *tx, struct ask *a);
};

static mrl_err run_ask(struct mrl_tx *tx, struct ask *a)
{
    const struct mrl_approval_request r = {mrl_str(a->device), MRL_LIT("maker:acme"),
                                           MRL_LIT("est")};

    return mrl_approval_ask_tx(tx, &admin, &r, a->now, &a->state, NULL);
}

static mrl_err run_use(struct mrl_tx *tx, struct ask *a)
{
    const struct mrl_approval_request r = {mrl_str(a->device), MRL_LIT("maker:acme"),
                                           MRL_LIT("mqtt")};

    return mrl_approval_use_tx(tx, &r, a->now);
}

static mrl_err run_use_of_another(struct mrl_tx *tx, struct ask *a)
{
    const struct mrl_approval_request r = {mrl_str(a->device), MRL_LIT("token:0011"),
                                           MRL_LIT("est")};

    return mrl_approval_use_tx(tx, &r, a->now);
}

static mrl_err run_drop(struct mrl_tx *tx, struct ask *a)
{
    return mrl_approval_drop_tx(tx, mrl_str(a->device));
}

static mrl_err run_any(struct mrl_tx *tx, struct mrl_write *w)
{
    struct ask *a = MRL_CONTAINER(w, struct ask, write);

    return a->run(tx, a);
}

static mrl_err do_at(struct making *m, const char *device, int64_t now,
                     mrl_err (*run)(struct mrl_tx *tx, struct ask *a),
                     enum mrl_approval_state *state)
{
    struct ask a = {.write = {.run = run_any}, .device = device, .now = now, .run = run};
    mrl_err err = mrl_store_write(m->f->store, &a.write);

    if (state != NULL)
        *state = a.state;
    return err;
}

static enum mrl_approval_state asked_at(struct making *m, const char *device, int64_t now)
{
    enum mrl_approval_state state;

    assert_ok(do_at(m, device, now, run_ask, &state));
    return state;
}

struct seen {
    size_t count;
    char id[MRL_APPROVAL_ID_TEXT + 1];
    enum mrl_approval_state state;
};

static void see(void *context, const struct mrl_approval_info *a)
{
    struct seen *s = context;

    s->count++;
    s->state = a->state;
    assert_true(mrl_bytes_to_cstr(a->id, s->id, sizeof(s->id)));
}

static struct seen list(struct making *m, enum mrl_approval_state state)
{
    struct seen s = {0};

    assert_ok(mrl_approval_list(m->f->store, MRL_BYTES_NONE, 1000, state, see, &s));
    return s;
}

static mrl_err decide(struct making *m, const char *id, bool approve, mrl_bytes reason)
{
    const struct mrl_approval_decision d = {mrl_str(id), approve, reason};
    struct mrl_why why = {""};
    mrl_err err = mrl_approval_decide(m->f->store, &admin, &d, &why);

    assert_true(err == MRL_OK || why.text[0] != '\0');
    return err;
}

static mrl_err approve(struct making *m, const char *id)
{
    return decide(m, id, /*approve=*/true, MRL_BYTES_NONE);
}

static mrl_err refuse(struct making *m, const char *id)
{
    return decide(m, id, /*approve=*/false, MRL_BYTES_NONE);
}

static void a_device_has_one_request(void **state)
{
    struct making *m = *state;
    int64_t now = mrl_wall_s();

    assert_int_equal(asked_at(m, "d1", now), MRL_APPROVAL_PENDING);
    assert_int_equal(asked_at(m, "d1", now + 1), MRL_APPROVAL_PENDING);
    assert_int_equal(list(m, MRL_APPROVAL_NONE).count, 1);
    assert_int_equal(asked_at(m, "d2", now), MRL_APPROVAL_PENDING);
    assert_int_equal(list(m, MRL_APPROVAL_PENDING).count, 2);
}

static void an_approval_is_used_once(void **state)
{
    struct making *m = *state;
    int64_t now = mrl_wall_s();

    assert_int_equal(do_at(m, "d1", now, run_use, NULL), MRL_ERR_STATE);
    (void)asked_at(m, "d1", now);
    assert_int_equal(do_at(m, "d1", now, run_use, NULL), MRL_ERR_STATE);
    assert_ok(approve(m, list(m, MRL_APPROVAL_PENDING).id));
    assert_int_equal(asked_at(m, "d1", now), MRL_APPROVAL_APPROVED);
    assert_int_equal(do_at(m, "d1", now, run_use_of_another, NULL), MRL_ERR_STATE);
    assert_ok(do_at(m, "d1", now, run_use, NULL));
    assert_int_equal(do_at(m, "d1", now, run_use, NULL), MRL_ERR_STATE);
    assert_int_equal(asked_at(m, "d1", now), MRL_APPROVAL_PENDING); /* the next time, again */
}

static void a_request_ends_with_its_second_and_so_does_an_approval(void **state)
{
    struct making *m = *state;
    int64_t now = mrl_wall_s();
    struct seen first, second;

    (void)asked_at(m, "d1", now);
    first = list(m, MRL_APPROVAL_PENDING);
    assert_int_equal(asked_at(m, "d1", now + MRL_APPROVAL_LIFE_S - 1), MRL_APPROVAL_PENDING);
    assert_string_equal(list(m, MRL_APPROVAL_PENDING).id, first.id);
    assert_int_equal(asked_at(m, "d1", now + MRL_APPROVAL_LIFE_S), MRL_APPROVAL_PENDING);
    second = list(m, MRL_APPROVAL_PENDING);
    assert_string_not_equal(second.id, first.id);
    assert_int_equal(approve(m, first.id), MRL_ERR_NOT_FOUND); /* an old id approves nothing */
    assert_ok(approve(m, second.id));
    assert_int_equal(do_at(m, "d1", mrl_wall_s() + MRL_APPROVAL_LIFE_S + 60, run_use, NULL),
                     MRL_ERR_STATE);
}

static void what_is_refused_stays_refused_until_somebody_approves_it(void **state)
{
    struct making *m = *state;
    int64_t now = mrl_wall_s();
    struct seen s;

    (void)asked_at(m, "d1", now);
    s = list(m, MRL_APPROVAL_PENDING);
    assert_ok(refuse(m, s.id));
    assert_int_equal(refuse(m, s.id), MRL_ERR_STATE);
    assert_int_equal(asked_at(m, "d1", now + 10 * MRL_APPROVAL_LIFE_S), MRL_APPROVAL_REFUSED);
    assert_ok(approve(m, s.id));
    assert_int_equal(approve(m, s.id), MRL_ERR_STATE);
    assert_ok(refuse(m, s.id)); /* taken back */
    assert_ok(approve(m, s.id));
    assert_ok(do_at(m, "d1", now, run_use, NULL));
    assert_int_equal(refuse(m, s.id), MRL_ERR_STATE);
    assert_int_equal(approve(m, "0000000000000000"), MRL_ERR_NOT_FOUND);
}

static void a_revoked_device_waits_for_nothing_and_a_refusal_stays(void **state)
{
    struct making *m = *state;
    int64_t now = mrl_wall_s();

    (void)asked_at(m, "d1", now);
    assert_ok(approve(m, list(m, MRL_APPROVAL_PENDING).id));
    assert_ok(do_at(m, "d1", now, run_drop, NULL));
    assert_int_equal(do_at(m, "d1", now, run_use, NULL), MRL_ERR_STATE);
    (void)asked_at(m, "d2", now);
    assert_ok(refuse(m, list(m, MRL_APPROVAL_PENDING).id));
    assert_ok(do_at(m, "d2", now, run_drop, NULL));
    assert_int_equal(asked_at(m, "d2", now), MRL_APPROVAL_REFUSED);
}

static mrl_err run_fill(struct mrl_tx *tx, struct ask *a)
{
    char device[32];

    for (int i = 0; i < MRL_APPROVALS_WAITING_MAX - 1; i++) {
        (void)snprintf(device, sizeof(device), "d%d", i);
        MRL_TRY(mrl_tx_exec(tx,
                            "INSERT INTO approvals (id, device, introducer, door, state, created,"
                            " decided, expires, reason)"
                            " VALUES ($1, $1, '', '', 1, 0, 0, $2, '')",
                            MRL_ARGS(MRL_TEXT(mrl_str(device)), MRL_INT(a->now + 1000)), NULL));
    }
    return MRL_OK;
}

static void so_many_wait_and_not_one_more(void **state)
{
    struct making *m = *state;
    int64_t now = mrl_wall_s();

    assert_ok(do_at(m, "", now, run_fill, NULL));
    assert_int_equal(asked_at(m, "last", now), MRL_APPROVAL_PENDING);
    assert_int_equal(do_at(m, "late", now, run_ask, NULL), MRL_ERR_LIMIT);
    assert_int_equal(asked_at(m, "last", now), MRL_APPROVAL_PENDING);        /* who waits stays */
    assert_int_equal(asked_at(m, "late", now + 1000), MRL_APPROVAL_PENDING); /* those are over */
}

static void a_reason_is_one_line_of_256_bytes(void **state)
{
    struct making *m = *state;
    char text[MRL_APPROVAL_REASON_MAX + 1];
    struct seen s;

    memset(text, 'x', sizeof(text));
    (void)asked_at(m, "d1", mrl_wall_s());
    s = list(m, MRL_APPROVAL_PENDING);
    assert_int_equal(decide(m, s.id, true, mrl_bytes_of(text, sizeof(text))), MRL_ERR_INVALID);
    assert_int_equal(decide(m, s.id, true, MRL_LIT("a\nb")), MRL_ERR_INVALID);
    assert_int_equal(decide(m, s.id, true, MRL_LIT("\xff")), MRL_ERR_INVALID);
    assert_ok(decide(m, s.id, true, mrl_bytes_of(text, MRL_APPROVAL_REASON_MAX)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MAKERS(a_device_has_one_request),
        WITH_MAKERS(an_approval_is_used_once),
        WITH_MAKERS(a_request_ends_with_its_second_and_so_does_an_approval),
        WITH_MAKERS(what_is_refused_stays_refused_until_somebody_approves_it),
        WITH_MAKERS(a_revoked_device_waits_for_nothing_and_a_refusal_stays),
        WITH_MAKERS(so_many_wait_and_not_one_more),
        WITH_MAKERS(a_reason_is_one_line_of_256_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
