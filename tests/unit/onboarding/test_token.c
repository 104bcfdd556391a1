/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/token.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "audit/read.h"
#include "base/clock.h"
#include "tests/unit/devices/fixture.h"

static int set_up_tokens(void **state)
{
    struct fixture *f;

    duties_more = &mrl_token_migrations;
    (void)set_up(state);
    f = *state;
    assert_ok(mrl_registry_also_on_revoke(f->registry, mrl_token_cancel_all, NULL));
    add(f, "d1", "");
    add(f, "d2", "");
    return 0;
}

static mrl_err create(struct fixture *f, const struct mrl_token_wish *wish,
                      struct mrl_token_new *out)
{
    struct mrl_why why = {""};
    mrl_err err = mrl_token_create(f->store, &admin, wish, out, &why);

    assert_true(err == MRL_OK || why.text[0] != '\0'); /* every refusal has its sentence */
    return err;
}

static struct mrl_token_new token_for(struct fixture *f, const char *device)
{
    struct mrl_token_new t = {0};

    assert_ok(create(
        f, &(struct mrl_token_wish){.device = mrl_str(device), .life_s = 60, .uses = 1}, &t));
    return t;
}

struct use {
    struct mrl_write write;
    mrl_bytes text, device;
    int64_t now;
    struct mrl_token_match match;
};

static mrl_err run_use(struct mrl_tx *tx, struct mrl_write *w)
{
    struct use *u = MRL_CONTAINER(w, struct use, write);

    return mrl_token_use_tx(tx, u->text, u->device, u->now, &u->match);
}

static struct mrl_token_match use_at(struct fixture *f, mrl_bytes text, const char *device,
                                     int64_t now)
{
    struct use u = {.write = {.run = run_use}, .text = text, .device = mrl_str(device), .now = now};

    assert_ok(mrl_store_write(f->store, &u.write));
    return u.match;
}

static enum mrl_token_verdict use(struct fixture *f, mrl_bytes text, const char *device)
{
    return use_at(f, text, device, mrl_wall_s()).verdict;
}

static void a_token_admits_its_device_once(void **state)
{
    struct fixture *f = *state;
    struct mrl_token_new t = token_for(f, "d1");
    mrl_bytes text = mrl_secret_bytes(t.text);

    assert_int_equal(text.len, MRL_TOKEN_TEXT);
    assert_int_equal(use(f, text, "d2"), MRL_TOKEN_OTHER_DEVICE);
    assert_int_equal(use(f, text, "d1"), MRL_TOKEN_GOOD);
    assert_int_equal(use(f, text, "d1"), MRL_TOKEN_USED);
    assert_int_equal(use(f, text, "d2"), MRL_TOKEN_OTHER_DEVICE);
    mrl_token_new_done(&t);
}

static void it_ends_with_its_second(void **state)
{
    struct fixture *f = *state;
    struct mrl_token_new t = token_for(f, "d1");
    mrl_bytes text = mrl_secret_bytes(t.text);

    assert_int_equal(use_at(f, text, "d1", t.expires).verdict, MRL_TOKEN_EXPIRED);
    assert_int_equal(use_at(f, text, "d1", t.expires - 1).verdict, MRL_TOKEN_GOOD);
    mrl_token_new_done(&t);
}

static void garbage_is_unknown(void **state)
{
    struct fixture *f = *state;
    struct mrl_token_new t = token_for(f, "d1");
    char text[MRL_TOKEN_TEXT + 2] = {0};

    memcpy(text, mrl_secret_bytes(t.text).data, MRL_TOKEN_TEXT);
    text[0] = text[0] == 'A' ? 'B' : 'A';
    assert_int_equal(use(f, mrl_str(text), "d1"), MRL_TOKEN_UNKNOWN);
    text[MRL_TOKEN_TEXT] = 'A';
    assert_int_equal(use(f, mrl_str(text), "d1"), MRL_TOKEN_UNKNOWN);
    assert_int_equal(use(f, MRL_BYTES_NONE, "d1"), MRL_TOKEN_UNKNOWN);
    memset(text, '!', MRL_TOKEN_TEXT);
    assert_int_equal(use(f, mrl_bytes_of(text, MRL_TOKEN_TEXT), "d1"), MRL_TOKEN_UNKNOWN);
    mrl_token_new_done(&t);
}

static void a_group_token_counts_its_uses(void **state)
{
    struct fixture *f = *state;
    struct mrl_token_new t = {0};
    struct mrl_token_match match;

    assert_ok(create(
        f, &(struct mrl_token_wish){.group = MRL_LIT("north"), .life_s = 60, .uses = 2}, &t));
    match = use_at(f, mrl_secret_bytes(t.text), "new-1", mrl_wall_s());
    assert_int_equal(match.verdict, MRL_TOKEN_GOOD);
    assert_string_equal(match.group, "north");
    assert_string_equal(match.id, t.id);
    assert_int_equal(use(f, mrl_secret_bytes(t.text), "new-2"), MRL_TOKEN_GOOD);
    assert_int_equal(use(f, mrl_secret_bytes(t.text), "new-3"), MRL_TOKEN_USED);
    mrl_token_new_done(&t);
}

struct answer {
    struct mrl_write write;
    const char *id, *device;
    uint8_t first; /* of the fingerprint */
};

static mrl_err run_answer(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct answer *a = MRL_CONTAINER(w, struct answer, write);
    const struct mrl_fingerprint f = {{a->first}};

    return mrl_token_answered_tx(tx, mrl_str(a->id), mrl_str(a->device), &f);
}

static void answered(struct fixture *f, const char *id, const char *device, uint8_t first)
{
    struct answer a = {.write = {.run = run_answer}, .id = id, .device = device, .first = first};

    assert_ok(mrl_store_write(f->store, &a.write));
}

struct look {
    const char *id, *device;
    int64_t now;
    struct mrl_fingerprint found;
};

static mrl_err run_look(struct mrl_tx *tx, void *context)
{
    struct look *l = context;

    return mrl_token_answer(tx, mrl_str(l->id), mrl_str(l->device), l->now, &l->found);
}

static mrl_err look_for(struct fixture *f, const char *id, const char *device, int64_t now,
                        uint8_t *first)
{
    struct look l = {id, device, now, {{0}}};
    mrl_err err = mrl_store_read(f->store, run_look, &l);

    *first = l.found.bytes[0];
    return err;
}

static void what_it_gave_is_remembered_for_its_life(void **state)
{
    struct fixture *f = *state;
    struct mrl_token_new t = token_for(f, "d1");
    uint8_t first;

    assert_int_equal(look_for(f, t.id, "d1", t.expires - 1, &first), MRL_ERR_NOT_FOUND);
    answered(f, t.id, "d1", 7);
    assert_ok(look_for(f, t.id, "d1", t.expires - 1, &first));
    assert_int_equal(first, 7);
    assert_int_equal(look_for(f, t.id, "d1", t.expires, &first), MRL_ERR_NOT_FOUND);
    assert_int_equal(look_for(f, t.id, "d2", t.expires - 1, &first), MRL_ERR_NOT_FOUND);
    answered(f, t.id, "d1", 8);
    assert_ok(look_for(f, t.id, "d1", t.expires - 1, &first));
    assert_int_equal(first, 8); /* the newest */
    assert_ok(mrl_token_cancel(f->store, &admin, mrl_str(t.id), NULL));
    assert_int_equal(look_for(f, t.id, "d1", t.expires - 1, &first), MRL_ERR_NOT_FOUND);
    mrl_token_new_done(&t);
}

struct asking {
    struct mrl_write write;
    const uint8_t *request;
    struct mrl_why why;
};

static mrl_err run_request(struct mrl_tx *tx, struct mrl_write *w)
{
    struct asking *a = MRL_CONTAINER(w, struct asking, write);

    return mrl_token_request_tx(tx, a->request, &a->why);
}

static mrl_err ask_with(struct fixture *f, const uint8_t request[static MRL_SHA256_SIZE])
{
    struct asking a = {.write = {.run = run_request}, .request = request};
    mrl_err err = mrl_store_write(f->store, &a.write);

    assert_int_equal(a.why.text[0] != '\0', err != MRL_OK);
    return err;
}

static void a_request_is_good_once(void **state)
{
    static const uint8_t one[MRL_SHA256_SIZE] = "one", another[MRL_SHA256_SIZE] = "another";
    struct fixture *f = *state;

    assert_ok(ask_with(f, one));
    assert_int_equal(ask_with(f, one), MRL_ERR_EXISTS);
    assert_ok(ask_with(f, another));
    assert_int_equal(ask_with(f, one), MRL_ERR_EXISTS);
}

static void wishes_have_limits(void **state)
{
    struct fixture *f = *state;
    const struct {
        struct mrl_token_wish wish;
        mrl_err err;
    } cases[] = {
        {{.device = MRL_LIT("d1"), .group = MRL_LIT("g"), .life_s = 1, .uses = 1}, MRL_ERR_INVALID},
        {{.life_s = 1, .uses = 1}, MRL_ERR_INVALID},
        {{.device = MRL_LIT("d1"), .life_s = 1, .uses = 2}, MRL_ERR_INVALID},
        {{.device = MRL_LIT("d1"), .life_s = 0, .uses = 1}, MRL_ERR_INVALID},
        {{.device = MRL_LIT("d1"), .life_s = MRL_TOKEN_LIFE_MAX_S + 1, .uses = 1}, MRL_ERR_INVALID},
        {{.device = MRL_LIT("d1"), .life_s = MRL_TOKEN_LIFE_MAX_S, .uses = 1}, MRL_OK},
        {{.group = MRL_LIT("g"), .life_s = 1, .uses = 0}, MRL_ERR_INVALID},
        {{.group = MRL_LIT("a/b"), .life_s = 1, .uses = 1}, MRL_ERR_INVALID},
        {{.group = MRL_LIT("+"), .life_s = 1, .uses = 1}, MRL_ERR_INVALID},
        {{.device = MRL_LIT("d1/x"), .life_s = 1, .uses = 1}, MRL_ERR_INVALID},
        {{.group = MRL_LIT("g"), .life_s = 1, .uses = MRL_TOKEN_USES_MAX + 1}, MRL_ERR_INVALID},
        {{.group = MRL_LIT("g"), .life_s = 1, .uses = MRL_TOKEN_USES_MAX}, MRL_OK},
        {{.device = MRL_LIT("nobody"), .life_s = 1, .uses = 1}, MRL_ERR_NOT_FOUND},
    };

    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct mrl_token_new t = {0};

        assert_int_equal(create(f, &cases[i].wish, &t), cases[i].err);
        mrl_token_new_done(&t);
    }
    assert_ok(change(f, "d2", MRL_DEVICE_SUSPEND));
    assert_int_equal(
        create(f, &(struct mrl_token_wish){.device = MRL_LIT("d2"), .life_s = 1, .uses = 1},
               &(struct mrl_token_new){0}),
        MRL_ERR_STATE);
}

/* All but one. */
static mrl_err fill_up(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(
        tx,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)"
        " INSERT INTO tokens (hash, id, device, created_ms, expires, uses)"
        " SELECT CAST(i AS BLOB), 'filler-' || i, 'd1', 0, $2, 1 FROM n",
        MRL_ARGS(MRL_INT(MRL_TOKENS_OPEN_MAX - 1), MRL_INT(mrl_wall_s() + 3600)), NULL);
}

static mrl_err free_one(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(tx, "UPDATE tokens SET used = 1 WHERE id = 'filler-1'", MRL_NO_ARGS, NULL);
}

static void a_hundred_thousand_are_open_and_not_one_more(void **state)
{
    const struct mrl_token_wish wish = {.device = MRL_LIT("d2"), .life_s = 60, .uses = 1};
    struct mrl_write fill = {.run = fill_up}, free_up = {.run = free_one};
    struct fixture *f = *state;
    struct mrl_token_new t = {0};

    assert_ok(mrl_store_write(f->store, &fill));
    assert_ok(create(f, &wish, &t));
    mrl_token_new_done(&t);
    assert_int_equal(create(f, &wish, &t), MRL_ERR_LIMIT);
    assert_ok(mrl_store_write(f->store, &free_up)); /* one that is used up is not open */
    assert_ok(create(f, &wish, &t));
    mrl_token_new_done(&t);
}

static void revoking_a_device_cancels_its_tokens(void **state)
{
    struct fixture *f = *state;
    struct mrl_token_new mine = token_for(f, "d1"), other = token_for(f, "d2");

    assert_ok(change(f, "d1", MRL_DEVICE_REVOKE));
    assert_int_equal(use(f, mrl_secret_bytes(mine.text), "d1"), MRL_TOKEN_CANCELLED);
    assert_int_equal(use(f, mrl_secret_bytes(other.text), "d2"), MRL_TOKEN_GOOD);
    mrl_token_new_done(&mine);
    mrl_token_new_done(&other);
}

static void cancelling_is_once_and_named(void **state)
{
    struct fixture *f = *state;
    struct mrl_token_new t = token_for(f, "d1");

    assert_ok(mrl_token_cancel(f->store, &admin, mrl_str(t.id), NULL));
    assert_int_equal(mrl_token_cancel(f->store, &admin, mrl_str(t.id), NULL), MRL_ERR_STATE);
    assert_int_equal(mrl_token_cancel(f->store, &admin, MRL_LIT("0123"), NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(use(f, mrl_secret_bytes(t.text), "d1"), MRL_TOKEN_CANCELLED);
    mrl_token_new_done(&t);
}

struct racer {
    struct fixture *f;
    mrl_bytes text;
    _Atomic unsigned *wins;
};

static void *race(void *argument)
{
    const struct racer *r = argument;

    if (use(r->f, r->text, "d1") == MRL_TOKEN_GOOD)
        atomic_fetch_add(r->wins, 1);
    return NULL;
}

static void of_many_at_once_one_wins(void **state)
{
    enum { THREADS = 8 };
    struct fixture *f = *state;
    struct mrl_token_new t = token_for(f, "d1");
    _Atomic unsigned wins = 0;
    struct racer racer = {f, mrl_secret_bytes(t.text), &wins};
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racer), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(wins, 1);
    mrl_token_new_done(&t);
}

static void remember(void *context, const struct mrl_token_info *token)
{
    struct mrl_token_info *last = context;

    assert_true(last->uses == 0 || token->uses > 0);
    last->uses++;
    last->used += token->used;
}

static void a_list_has_pages(void **state)
{
    struct fixture *f = *state;
    struct mrl_token_new a = token_for(f, "d1"), b = token_for(f, "d1");
    struct mrl_token_info sum = {.id = MRL_BYTES_NONE};

    assert_int_equal(use(f, mrl_secret_bytes(a.text), "d1"), MRL_TOKEN_GOOD);
    assert_ok(mrl_token_list(f->store, MRL_BYTES_NONE, 10, remember, &sum));
    assert_int_equal(sum.uses, 2);
    assert_int_equal(sum.used, 1);
    sum = (struct mrl_token_info){0};
    assert_ok(mrl_token_list(f->store, MRL_BYTES_NONE, 1, remember, &sum));
    assert_int_equal(sum.uses, 1);
    assert_int_equal(mrl_token_list(f->store, MRL_BYTES_NONE, 0, remember, &sum), MRL_ERR_INVALID);
    assert_int_equal(
        mrl_token_list(f->store, MRL_BYTES_NONE, MRL_TOKEN_PAGE_MAX + 1, remember, &sum),
        MRL_ERR_INVALID);
    mrl_token_new_done(&a);
    mrl_token_new_done(&b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_tokens, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_token_admits_its_device_once),
        CASE(it_ends_with_its_second),
        CASE(garbage_is_unknown),
        CASE(a_group_token_counts_its_uses),
        CASE(what_it_gave_is_remembered_for_its_life),
        CASE(a_request_is_good_once),
        CASE(wishes_have_limits),
        CASE(a_hundred_thousand_are_open_and_not_one_more),
        CASE(revoking_a_device_cancels_its_tokens),
        CASE(cancelling_is_once_and_named),
        CASE(of_many_at_once_one_wins),
        CASE(a_list_has_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
