/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/logs.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/unit.h"
#include "tests/unit/witness/fixture.h"

#define ORIGIN "acme/merlon-audit"

static struct fixture_state state_;
static struct fixture_signer signer, successor, cosigner;
static struct mrl_witness_logs *logs;
static unsigned signed_count;

static mrl_err load(const struct mrl_note_key *const *keys, size_t count, struct mrl_why *why)
{
    static char texts[4][MRL_NOTE_VKEY_MAX];
    mrl_bytes vkeys[4];

    for (size_t i = 0; i < count; i++) {
        assert_ok(mrl_note_key_format(keys[i], texts[i]));
        vkeys[i] = mrl_str(texts[i]);
    }
    mrl_witness_logs_free(MRL_TAKE(logs));
    return mrl_witness_logs_load(&state_.folder, vkeys, count, &logs, why);
}

static void load_one(void)
{
    const struct mrl_note_key *const keys[] = {&signer.public};

    assert_ok(load(keys, 1, NULL));
}

static int set_up(void **state)
{
    (void)state;
    fixture_state_init(&state_);
    fixture_signer_init(&signer, ORIGIN, MRL_NOTE_ED25519);
    fixture_signer_init(&successor, ORIGIN, MRL_NOTE_ED25519);
    fixture_signer_init(&cosigner, "witness.example/w1", MRL_NOTE_COSIGNATURE);
    signed_count = 0;
    load_one();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mrl_witness_logs_free(MRL_TAKE(logs));
    fixture_signer_done(&signer);
    fixture_signer_done(&successor);
    fixture_signer_done(&cosigner);
    fixture_state_done(&state_);
    return 0;
}

static mrl_err count_signed(void *context)
{
    (void)context;
    signed_count++;
    return MRL_OK;
}

static mrl_err cannot_sign(void *context)
{
    (void)context;
    return MRL_ERR_CRYPTO;
}

static struct mrl_witness_verdict step(uint64_t seed, uint64_t old, uint64_t size)
{
    struct mrl_witness_verdict v;
    struct fixture_step s;

    fixture_step(seed, ORIGIN, old, size, &s);
    assert_ok(mrl_witness_log_advance(mrl_witness_logs_find(logs, MRL_LIT(ORIGIN)), &s.add,
                                      &s.checkpoint, count_signed, NULL, &v, NULL));
    return v;
}

static void a_log_goes_on_from_its_latest_checkpoint_only(void **state)
{
    (void)state;
    assert_int_equal(step(1, 3, 7).step, MRL_WITNESS_WRONG_OLD);
    assert_int_equal(step(1, 0, 7).step, MRL_WITNESS_ADVANCED);
    assert_int_equal(step(1, 0, 9).step, MRL_WITNESS_WRONG_OLD);
    assert_int_equal(step(1, 0, 9).size, 7);
    assert_int_equal(step(1, 7, 7).step, MRL_WITNESS_ADVANCED);
    assert_int_equal(step(2, 7, 7).step, MRL_WITNESS_FORKED);
    assert_int_equal(step(2, 7, 9).step, MRL_WITNESS_WRONG_PROOF);
    assert_int_equal(step(1, 7, 20).step, MRL_WITNESS_ADVANCED);
    assert_int_equal(step(1, 20, 20).size, 20);
    assert_int_equal(signed_count, 4); /* once for each that advanced */
}

static void what_advanced_is_known_after_a_start(void **state)
{
    (void)state;
    assert_int_equal(step(1, 0, 7).step, MRL_WITNESS_ADVANCED);
    fixture_state_reopen(&state_);
    load_one();
    assert_int_equal(step(2, 7, 7).step, MRL_WITNESS_FORKED);
    assert_int_equal(step(1, 0, 9).size, 7);
    assert_int_equal(step(1, 7, 9).step, MRL_WITNESS_ADVANCED);
}

static void the_empty_log_leaves_no_file(void **state)
{
    (void)state;
    assert_int_equal(step(1, 0, 0).step, MRL_WITNESS_ADVANCED);
    load_one();
    assert_int_equal(step(1, 0, 5).step, MRL_WITNESS_ADVANCED);
}

/* The name of the only file in the folder. */
static void state_file(char to[static 256])
{
    DIR *folder = opendir(state_.path);

    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder)) != NULL;)
        if (e->d_name[0] != '.')
            (void)snprintf(to, 256, "%s", e->d_name);
    (void)closedir(folder); /* only read */
}

static void what_cannot_be_stored_did_not_happen(void **state)
{
    char name[256] = "", temporary[300];
    struct mrl_witness_verdict v;
    struct mrl_why why = {0};
    struct fixture_step s;

    (void)state;
    assert_int_equal(step(1, 0, 7).step, MRL_WITNESS_ADVANCED);
    state_file(name);
    (void)snprintf(temporary, sizeof(temporary), "%s.tmp", name);
    assert_int_equal(mkdirat(state_.folder.fd, temporary, 0700), 0); /* is in the way */
    fixture_step(1, ORIGIN, 7, 9, &s);
    assert_int_equal(mrl_witness_log_advance(mrl_witness_logs_find(logs, MRL_LIT(ORIGIN)), &s.add,
                                             &s.checkpoint, count_signed, NULL, &v, &why),
                     MRL_ERR_IO);
    assert_non_null(strstr(why.text, name));
    assert_int_equal(signed_count, 1);
    assert_int_equal(step(1, 0, 9).size, 7);
}

static void what_cannot_be_signed_is_an_error(void **state)
{
    struct mrl_witness_verdict v;
    struct fixture_step s;

    (void)state;
    fixture_step(1, ORIGIN, 0, 9, &s);
    assert_int_equal(mrl_witness_log_advance(mrl_witness_logs_find(logs, MRL_LIT(ORIGIN)), &s.add,
                                             &s.checkpoint, cannot_sign, NULL, &v, NULL),
                     MRL_ERR_CRYPTO);
}

static void a_state_of_something_else_is_corrupt(void **state)
{
    static const char *const bad[] = {
        "", "acme/merlon-audit\n7\n",
        "evil/merlon-audit\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"};
    const struct mrl_note_key *const keys[] = {&signer.public};
    char name[256] = "";

    (void)state;
    assert_int_equal(step(1, 0, 7).step, MRL_WITNESS_ADVANCED);
    state_file(name);
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_why why = {0};

        assert_ok(mrl_witness_folder_replace(&state_.folder, name, mrl_str(bad[i]), NULL));
        assert_int_equal(load(keys, 1, &why), MRL_ERR_CORRUPT);
        assert_non_null(strstr(why.text, name));
    }
}

static void each_key_of_a_log_may_sign_and_nobody_else(void **state)
{
    const struct mrl_note_key *const keys[] = {&signer.public, &successor.public};
    const struct fixture_signer *const signers[] = {&signer, &successor};
    struct mrl_note note;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(signers); i++) {
        MRL_SCOPED(mrl_buf) text = {0};
        const struct mrl_witness_log *log;

        fixture_sign(signers[i], MRL_LIT("text\n"), 0, &text);
        assert_ok(mrl_note_read(mrl_buf_bytes(&text), &note, NULL));
        load_one();
        log = mrl_witness_logs_find(logs, MRL_LIT(ORIGIN));
        assert_int_equal(mrl_witness_log_check(log, &note), i == 0 ? MRL_OK : MRL_ERR_AUTH);
        assert_ok(load(keys, 2, NULL));
        log = mrl_witness_logs_find(logs, MRL_LIT(ORIGIN));
        assert_ok(mrl_witness_log_check(log, &note));
    }
    assert_null(mrl_witness_logs_find(logs, MRL_LIT("acme/merlon-audi")));
}

static void keys_that_are_no_logs_are_named_by_their_number(void **state)
{
    const struct mrl_note_key *const keys[] = {&signer.public, &cosigner.public};
    const mrl_bytes no_key = MRL_LIT("no key");
    struct mrl_why why = {0};

    (void)state;
    assert_int_equal(load(keys, 2, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "[[log]] 2"));
    assert_int_equal(mrl_witness_logs_load(&state_.folder, &no_key, 1, &logs, &why),
                     MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "[[log]] 1"));
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(a_log_goes_on_from_its_latest_checkpoint_only),
        FRESH(what_advanced_is_known_after_a_start),
        FRESH(the_empty_log_leaves_no_file),
        FRESH(what_cannot_be_stored_did_not_happen),
        FRESH(what_cannot_be_signed_is_an_error),
        FRESH(a_state_of_something_else_is_corrupt),
        FRESH(each_key_of_a_log_may_sign_and_nobody_else),
        FRESH(keys_that_are_no_logs_are_named_by_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
