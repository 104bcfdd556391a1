/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/answer.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "tests/unit/witness/fixture.h"

#define ORIGIN "acme/merlon-audit"

static struct fixture_state state_;
static struct fixture_signer signer, impostor, stranger;
static struct mrl_witness_identity identity;
static struct mrl_witness_logs *logs;

static int set_up(void **state)
{
    char vkey[MRL_NOTE_VKEY_MAX];
    mrl_bytes text;

    (void)state;
    fixture_state_init(&state_);
    fixture_signer_init(&signer, ORIGIN, MRL_NOTE_ED25519);
    fixture_signer_init(&impostor, ORIGIN, MRL_NOTE_ED25519);
    fixture_signer_init(&stranger, "stranger/log", MRL_NOTE_ED25519);
    assert_ok(mrl_note_key_format(&signer.public, vkey));
    text = mrl_str(vkey);
    assert_ok(mrl_witness_identity_create(&state_.folder, NULL));
    assert_ok(
        mrl_witness_identity_load(&state_.folder, MRL_LIT("witness.example/w1"), &identity, NULL));
    assert_ok(mrl_witness_logs_load(&state_.folder, &text, 1, &logs, NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mrl_witness_logs_free(MRL_TAKE(logs));
    mrl_witness_identity_done(&identity);
    fixture_signer_done(&signer);
    fixture_signer_done(&impostor);
    fixture_signer_done(&stranger);
    fixture_state_done(&state_);
    return 0;
}

static void send_step(const struct fixture_signer *from, const struct fixture_step *step,
                      struct mrl_witness_answer *a)
{
    MRL_SCOPED(mrl_buf) body = {0};

    mrl_witness_answer_done(a);
    fixture_body(from, step, &body);
    mrl_witness_add_checkpoint(&(struct mrl_witness){&identity, logs}, mrl_buf_bytes(&body),
                               1700000000, a);
    a->origin = MRL_BYTES_NONE; /* pointed into body */
}

static unsigned ask(const struct fixture_signer *from, uint64_t seed, uint64_t old, uint64_t size,
                    struct mrl_witness_answer *a)
{
    struct fixture_step step;

    fixture_step(seed, from->public.name, old, size, &step);
    send_step(from, &step, a);
    return a->status;
}

static void assert_plain(const struct mrl_witness_answer *a)
{
    assert_string_equal(a->content_type, "text/plain; charset=utf-8");
    assert_true(a->why.text[0] != '\0');
    assert_false(a->is_misbehaviour);
}

static void assert_size(const struct mrl_witness_answer *a, mrl_bytes body, bool is_misbehaviour)
{
    assert_string_equal(a->content_type, "text/x.tlog.size");
    assert_bytes_equal(mrl_buf_bytes(&a->body), body);
    assert_int_equal(a->is_misbehaviour, is_misbehaviour);
}

static void a_cosignature_is_a_line_that_fits_under_the_checkpoint(void **state)
{
    MRL_SCOPED(mrl_witness_answer) a = {0};
    MRL_SCOPED(mrl_buf) note = {0};
    char memory[MRL_CHECKPOINT_TEXT_MAX];
    struct fixture_step step;
    struct mrl_note parsed;
    mrl_bytes text;
    uint64_t time;

    (void)state;
    assert_int_equal(ask(&signer, 1, 0, 7, &a), 200);
    assert_int_equal(a.why.text[0], '\0');
    fixture_step(1, ORIGIN, 0, 7, &step);
    assert_ok(mrl_checkpoint_text(&step.checkpoint, memory, &text));
    fixture_sign(&signer, text, 0, &note);
    assert_ok(mrl_buf_append(&note, mrl_buf_bytes(&a.body)));
    assert_ok(mrl_note_read(mrl_buf_bytes(&note), &parsed, NULL));
    assert_int_equal(parsed.count, 2);
    assert_ok(mrl_note_check(&parsed, &identity.public, &time));
    assert_int_equal(time, 1700000000);
}

static void every_refusal_has_its_status(void **state)
{
    MRL_SCOPED(mrl_witness_answer) a = {0};

    (void)state;
    assert_int_equal(ask(&stranger, 1, 0, 7, &a), 404);
    assert_plain(&a);
    assert_int_equal(ask(&impostor, 1, 0, 7, &a), 403);
    assert_plain(&a);
    assert_int_equal(ask(&signer, 1, 3, 7, &a), 409);
    assert_size(&a, MRL_LIT("0\n"), /*is_misbehaviour=*/false);
    assert_int_equal(ask(&signer, 1, 0, 7, &a), 200);
    assert_int_equal(ask(&signer, 1, 8, 7, &a), 400);
    assert_plain(&a);
    assert_int_equal(ask(&signer, 1, 3, 9, &a), 409);
    assert_size(&a, MRL_LIT("7\n"), /*is_misbehaviour=*/false);
    assert_int_equal(ask(&signer, 2, 7, 7, &a), 409);
    assert_size(&a, MRL_LIT("7\n"), /*is_misbehaviour=*/true);
    assert_int_equal(ask(&signer, 2, 7, 9, &a), 422);
    assert_plain(&a);
    assert_int_equal(ask(&signer, 1, 7, 9, &a), 200);
}

/* An impostor must not learn more, nor a broken request: the checks come in this order. */
static void the_signature_is_checked_before_any_size(void **state)
{
    MRL_SCOPED(mrl_witness_answer) a = {0};

    (void)state;
    assert_int_equal(ask(&impostor, 1, 9, 7, &a), 403);
    assert_int_equal(ask(&impostor, 1, 3, 7, &a), 403);
    assert_int_equal(ask(&stranger, 1, 9, 7, &a), 404);
}

static void what_does_not_read_is_a_400(void **state)
{
    static const char *const bad[] = {
        "",
        "old 0\n",
        "old 0\n\n",
        "old 0\n\nno note\n",
        "old 0\n\nno checkpoint\n\n\xe2\x80\x94 a AAAAAQA=\n",
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        MRL_SCOPED(mrl_witness_answer) a = {0};

        mrl_witness_add_checkpoint(&(struct mrl_witness){&identity, logs}, mrl_str(bad[i]), 1, &a);
        assert_int_equal(a.status, 400);
        assert_plain(&a);
        assert_int_equal(a.origin.len, 0);
    }
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_cosignature_is_a_line_that_fits_under_the_checkpoint),
        FRESH(every_refusal_has_its_status),
        FRESH(the_signature_is_checked_before_any_size),
        FRESH(what_does_not_read_is_a_400),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
