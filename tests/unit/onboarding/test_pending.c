/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/pending.h"

#include <string.h>

#include "base/clock.h"
#include "onboarding/templates.h"
#include "tests/unit/devices/fixture.h"

static int set_up_pending(void **state)
{
    duties_more = &mrl_provisioning_migrations;
    return set_up(state);
}

struct job {
    struct mrl_write write;
    mrl_err (*run)(struct mrl_tx *tx, struct job *j);
    mrl_bytes claim, token;
    const struct mrl_pending_token *made;
    struct mrl_fingerprint certificate;
    struct mrl_pending found;
    const char *device;
    unsigned count;
    int64_t now;
    uint64_t waited;
    mrl_err result;
};

static mrl_err run_job(struct mrl_tx *tx, struct mrl_write *w)
{
    struct job *j = MRL_CONTAINER(w, struct job, write);

    j->result = j->run(tx, j);
    return j->result;
}

static mrl_err do_job(struct fixture *f, struct job *j,
                      mrl_err (*run)(struct mrl_tx *, struct job *))
{
    j->write = (struct mrl_write){.run = run_job};
    j->run = run;
    return mrl_store_write(f->store, &j->write);
}

static mrl_err add_certificate(struct mrl_tx *tx, const struct mrl_pending_token *token,
                               mrl_bytes claim, const struct mrl_fingerprint *fingerprint)
{
    const struct mrl_cert_facts facts = {.fingerprint = *fingerprint,
                                         .der = MRL_LIT("der"),
                                         .serial = mrl_fingerprint_bytes(fingerprint),
                                         .not_after = mrl_wall_s() + 86400};

    return mrl_pending_add_tx(tx, token, claim, &facts, NULL);
}

static mrl_err run_add(struct mrl_tx *tx, struct job *j)
{
    return add_certificate(tx, j->made, j->claim, &j->certificate);
}

static mrl_err run_find(struct mrl_tx *tx, struct job *j)
{
    return mrl_pending_find_tx(tx, j->token, j->claim, &j->found);
}

static mrl_err run_take(struct mrl_tx *tx, struct job *j)
{
    static const uint8_t asked[MRL_SHA256_SIZE] = {7};

    return mrl_pending_take_tx(tx, &j->certificate, mrl_str(j->device), asked, MRL_LIT("{}"));
}

static mrl_err run_expire(struct mrl_tx *tx, struct job *j)
{
    return mrl_pending_expire_tx(tx, j->now, &j->waited);
}

static mrl_err run_any_over(struct mrl_tx *tx, struct job *j)
{
    return mrl_pending_any_over_tx(tx, j->now);
}

static void add_one(struct fixture *f, const char *claim, uint8_t number,
                    struct mrl_pending_token *token)
{
    struct job j = {.claim = mrl_str(claim), .made = token, .certificate = {.bytes = {number}}};

    assert_ok(mrl_pending_token_make(token));
    assert_int_equal(mrl_secret_bytes(token->text).len, MRL_PENDING_TOKEN_TEXT);
    assert_ok(do_job(f, &j, run_add));
}

static mrl_err find(struct fixture *f, const char *claim, mrl_bytes token,
                    struct mrl_pending *found)
{
    struct job j = {.claim = mrl_str(claim), .token = token};
    mrl_err err = do_job(f, &j, run_find);

    *found = j.found;
    return err;
}

static void a_token_finds_its_certificate_for_its_claim_only(void **state)
{
    struct fixture *f = *state;
    MRL_SCOPED(mrl_pending_token) token = {0};
    MRL_SCOPED(mrl_pending) found = {0};
    MRL_SCOPED(mrl_pending) none = {0};
    char other[MRL_PENDING_TOKEN_TEXT + 1] = {0};
    mrl_bytes text;

    add_one(f, "line-3", 1, &token);
    text = mrl_secret_bytes(token.text);
    assert_ok(find(f, "line-3", text, &found));
    assert_int_equal(found.certificate.bytes[0], 1);
    assert_int_equal(found.device.len, 0);
    assert_bytes_equal(mrl_buf_bytes(&found.der), MRL_LIT("der"));
    assert_int_equal(find(f, "line-4", text, &none), MRL_ERR_AUTH);
    memcpy(other, text.data, MRL_PENDING_TOKEN_TEXT);
    other[3] = other[3] == 'A' ? 'B' : 'A';
    assert_int_equal(find(f, "line-3", mrl_str(other), &none), MRL_ERR_AUTH);
    assert_int_equal(find(f, "line-3", mrl_bytes_sub(text, 0, text.len - 1), &none), MRL_ERR_AUTH);
    assert_int_equal(find(f, "line-3", MRL_BYTES_NONE, &none), MRL_ERR_AUTH);
    memset(other, '!', MRL_PENDING_TOKEN_TEXT);
    assert_int_equal(find(f, "line-3", mrl_str(other), &none), MRL_ERR_AUTH);
}

static void a_certificate_is_taken_once(void **state)
{
    struct fixture *f = *state;
    struct job j = {.certificate = {.bytes = {1}}, .device = "m-1"};
    MRL_SCOPED(mrl_pending_token) token = {0};
    MRL_SCOPED(mrl_pending) found = {0};

    add_one(f, "line-3", 1, &token);
    assert_ok(do_job(f, &j, run_take));
    j.device = "m-2";
    assert_int_equal(do_job(f, &j, run_take), MRL_ERR_STATE);
    assert_ok(find(f, "line-3", mrl_secret_bytes(token.text), &found));
    assert_string_equal(found.device.text, "m-1");
    assert_int_equal(found.asked[0], 7);
    assert_bytes_equal(mrl_buf_bytes(&found.answer), MRL_LIT("{}"));
}

static mrl_err run_count_lost(struct mrl_tx *tx, struct job *j)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT COUNT(*) FROM provisioning_lost", MRL_NO_ARGS, &rows));
    j->count = (unsigned)mrl_row_int(rows, 0);
    return MRL_OK;
}

static unsigned lost(struct fixture *f)
{
    struct job j = {0};

    assert_ok(do_job(f, &j, run_count_lost));
    return j.count;
}

static void what_is_over_is_forgotten_and_counted(void **state)
{
    struct fixture *f = *state;
    int64_t end = mrl_wall_s() + MRL_PENDING_LIFE_S;
    struct job taken = {.certificate = {.bytes = {1}}, .device = "m-1"};
    struct job j = {.now = end - 2};
    MRL_SCOPED(mrl_pending_token) one = {0};
    MRL_SCOPED(mrl_pending_token) two = {0};
    MRL_SCOPED(mrl_pending) none = {0};

    add_one(f, "line-3", 1, &one);
    add_one(f, "line-3", 2, &two);
    assert_ok(do_job(f, &taken, run_take));
    assert_int_equal(do_job(f, &j, run_any_over), MRL_ERR_NOT_FOUND);
    assert_ok(do_job(f, &j, run_expire));
    assert_int_equal(j.waited, 0);
    j.now = end + 1;
    assert_ok(do_job(f, &j, run_any_over));
    assert_ok(do_job(f, &j, run_expire));
    assert_int_equal(j.waited, 1); /* the other one was registered */
    assert_int_equal(lost(f), 1);
    j.now = mrl_wall_s() + 86400 + 89 * 86400; /* outsiders are told long enough */
    assert_ok(do_job(f, &j, run_expire));
    assert_int_equal(lost(f), 1);
    j.now += 2 * 86400;
    assert_ok(do_job(f, &j, run_expire));
    assert_int_equal(lost(f), 0);
    assert_int_equal(find(f, "line-3", mrl_secret_bytes(two.text), &none), MRL_ERR_AUTH);
}

static mrl_err run_fill(struct mrl_tx *tx, struct job *j)
{
    for (unsigned i = 0; i < j->count; i++) {
        MRL_SCOPED(mrl_pending_token) token = {0};
        struct mrl_fingerprint certificate = {.bytes = {9, (uint8_t)(i >> 8), (uint8_t)i}};

        MRL_TRY(mrl_pending_token_make(&token));
        MRL_TRY(add_certificate(tx, &token, j->claim, &certificate));
    }
    return MRL_OK;
}

static void as_many_of_a_claim_wait_as_the_limit_allows(void **state)
{
    struct fixture *f = *state;
    struct job full = {.claim = MRL_LIT("line-3"), .count = MRL_PENDING_MAX - 1};
    struct job more = {.claim = MRL_LIT("line-3"), .certificate = {.bytes = {2}}};
    struct job taken = {.certificate = {.bytes = {1}}, .device = "m-1"};
    MRL_SCOPED(mrl_pending_token) last = {0};
    MRL_SCOPED(mrl_pending_token) above = {0};
    MRL_SCOPED(mrl_pending_token) other = {0};

    assert_ok(do_job(f, &full, run_fill));
    add_one(f, "line-3", 1, &last);
    assert_ok(mrl_pending_token_make(&above));
    more.made = &above;
    assert_int_equal(do_job(f, &more, run_add), MRL_ERR_BUSY);
    add_one(f, "line-4", 3, &other); /* of another claim */
    assert_ok(do_job(f, &taken, run_take));
    assert_ok(do_job(f, &more, run_add)); /* one of them is registered */
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up_pending, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_token_finds_its_certificate_for_its_claim_only),
        WITH(a_certificate_is_taken_once),
        WITH(what_is_over_is_forgotten_and_counted),
        WITH(as_many_of_a_claim_wait_as_the_limit_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
