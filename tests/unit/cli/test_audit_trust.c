/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_trust.h"

#include "tests/unit/cli/log_fixture.h"
#include "tests/unit/unit.h"

static int setup(void **state)
{
    static struct log_folder f;

    log_folder_init(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    log_folder_done(*state);
    return 0;
}

/* merlon audit verify --dir x, with these options */
static mrl_exit read_options(struct log_folder *f, const char *key, const char *witness,
                             struct mrl_audit_trust *out)
{
    char *const argv[] = {"merlon",    "audit",     "verify",    "--dir",        "x",
                          "--log-key", (char *)key, "--witness", (char *)witness};
    struct mrl_cli_arguments given;

    assert_int_equal(mrl_cli_arguments_read(witness != NULL ? 9 : 7, argv, &given, NULL),
                     MRL_EXIT_OK);
    return mrl_audit_trust_read(&f->cli, &given, /*offline=*/true, /*witnesses=*/true, out);
}

static void a_key_is_given_as_it_is_or_in_a_file(void **state)
{
    struct log_folder *f = *state;
    MRL_SCOPED(mrl_audit_trust) t = {0};
    MRL_SCOPED(mrl_audit_trust) from_file = {0};
    MRL_SCOPED(mrl_audit_trust) no_key = {0};
    MRL_SCOPED(mrl_audit_trust) no_file = {0};
    char path[128];

    assert_int_equal(read_options(f, f->vkey, NULL, &t), MRL_EXIT_OK);
    assert_true(t.pinned);
    log_folder_path(f, "vkey", path);
    log_folder_write(f, "vkey", mrl_str(f->vkey));
    assert_int_equal(read_options(f, path, NULL, &from_file), MRL_EXIT_OK);
    assert_int_equal(from_file.key.id, t.key.id);
    log_folder_write(f, "vkey", MRL_LIT("acme+1+x"));
    assert_int_equal(read_options(f, path, NULL, &no_key), MRL_EXIT_USAGE);
    assert_int_equal(read_options(f, "none", NULL, &no_file), MRL_EXIT_USAGE);
}

static void the_key_of_a_witness_signs_no_log_and_the_other_way_round(void **state)
{
    struct log_folder *f = *state;
    MRL_SCOPED(mrl_audit_trust) first = {0};
    MRL_SCOPED(mrl_audit_trust) second = {0};
    struct fixture_signer w;
    char vkey[MRL_NOTE_VKEY_MAX];

    fixture_signer_init(&w, "w.example", MRL_NOTE_COSIGNATURE);
    assert_ok(mrl_note_key_format(&w.public, vkey));
    assert_int_equal(read_options(f, vkey, NULL, &first), MRL_EXIT_USAGE);
    assert_int_equal(read_options(f, f->vkey, f->vkey, &second), MRL_EXIT_USAGE);
    fixture_signer_done(&w);
}

static void a_checkpoint_must_be_cosigned_by_every_witness(void **state)
{
    struct log_folder *f = *state;
    MRL_SCOPED(mrl_audit_trust) t = {0};
    struct mrl_checkpoint at;
    struct fixture_signer w;
    char vkey[MRL_NOTE_VKEY_MAX];
    bool all = true;

    fixture_signer_init(&w, "w.example", MRL_NOTE_COSIGNATURE);
    assert_ok(mrl_note_key_format(&w.public, vkey));
    assert_int_equal(read_options(f, f->vkey, vkey, &t), MRL_EXIT_OK);
    assert_int_equal(mrl_audit_trust_cosigned(&f->cli, &t, mrl_buf_bytes(&f->note), &all),
                     MRL_EXIT_OK);
    assert_false(all);
    assert_int_equal(mrl_audit_trust_open(&f->cli, &t, mrl_buf_bytes(&f->note), "it", &at),
                     MRL_EXIT_UNVERIFIED);
    assert_string_equal(f->cli.why.text, "it: not cosigned by w.example");
    fixture_sign(&w, mrl_bytes_sub(mrl_buf_bytes(&f->note), 0, f->note.len), 7, &f->note);
    assert_int_equal(mrl_audit_trust_open(&f->cli, &t, mrl_buf_bytes(&f->note), "it", &at),
                     MRL_EXIT_UNVERIFIED); /* of another text */
    assert_string_equal(f->cli.why.text, "it: the cosignature of w.example does not hold");
    fixture_signer_done(&w);
}

static void kept_checkpoints_are_in_order_of_size(void **state)
{
    struct log_folder *f = *state;
    MRL_SCOPED(mrl_audit_trust) t = {0};
    const uint64_t sizes[] = {257, 3, 300, 256};
    char path[4][128];

    assert_int_equal(read_options(f, f->vkey, NULL, &t), MRL_EXIT_OK);
    for (size_t i = 0; i < MRL_COUNT(sizes); i++) {
        MRL_SCOPED(mrl_buf) note = {0};
        struct mrl_checkpoint at;
        char name[16];

        (void)snprintf(name, sizeof(name), "kept%zu", i);
        log_folder_path(f, name, path[i]);
        log_folder_checkpoint(f, sizes[i], &at, &note);
        log_folder_write(f, name, mrl_buf_bytes(&note));
        assert_int_equal(mrl_audit_trust_keep(&f->cli, &t, path[i], /*may_be_missing=*/false),
                         MRL_EXIT_OK);
    }
    assert_int_equal(t.kept_count, 4);
    for (size_t i = 1; i < t.kept_count; i++)
        assert_true(t.kept[i - 1].at.size < t.kept[i].at.size);
}

static void a_kept_checkpoint_may_be_missing_only_where_that_is_said(void **state)
{
    struct log_folder *f = *state;
    MRL_SCOPED(mrl_audit_trust) t = {0};
    char path[128];

    assert_int_equal(read_options(f, f->vkey, NULL, &t), MRL_EXIT_OK);
    log_folder_path(f, "none", path);
    assert_int_equal(mrl_audit_trust_keep(&f->cli, &t, path, /*may_be_missing=*/true), MRL_EXIT_OK);
    assert_int_equal(t.kept_count, 0);
    assert_int_equal(mrl_audit_trust_keep(&f->cli, &t, path, /*may_be_missing=*/false),
                     MRL_EXIT_REFUSED);
    log_folder_write(f, "none", MRL_LIT("no note"));
    assert_int_equal(mrl_audit_trust_keep(&f->cli, &t, path, /*may_be_missing=*/true),
                     MRL_EXIT_UNVERIFIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_is_given_as_it_is_or_in_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(the_key_of_a_witness_signs_no_log_and_the_other_way_round,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_checkpoint_must_be_cosigned_by_every_witness, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(kept_checkpoints_are_in_order_of_size, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kept_checkpoint_may_be_missing_only_where_that_is_said,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
