/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_check.h"

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

/* why NULL: the log is good. Gives the first entry that has its text. */
static uint64_t check(struct log_folder *f, const char *why, const struct mrl_audit_kept *kept,
                      size_t kept_count)
{
    struct mrl_audit_check c = {
        .cli = &f->cli, .source = &f->source, .to = f->at, .kept = kept, .kept_count = kept_count};
    mrl_exit code = mrl_audit_check_run(&c);

    assert_int_equal(code, why == NULL ? MRL_EXIT_OK : MRL_EXIT_UNVERIFIED);
    if (why != NULL)
        assert_string_equal(f->cli.why.text, why);
    return c.first;
}

static void a_whole_log_is_good(void **state)
{
    assert_int_equal(check(*state, NULL, NULL, 0), 1);
}

static void a_changed_entry_is_named(void **state)
{
    struct log_folder *f = *state;

    log_folder_flip(f, "tile/entries/001.p/44", 13); /* the last digit of entry 258 */
    (void)check(f, "entry 258: not what its tile was made of", NULL, 0);
}

static void a_changed_tile_of_each_level_is_named(void **state)
{
    struct log_folder *f = *state;

    log_folder_flip(f, "tile/1/000.p/1", 31);
    (void)check(f, "entries 1 to 256: not what the tiles stand for", NULL, 0);
    log_folder_flip(f, "tile/0/000", 32); /* of the second entry */
    (void)check(f, "entry 2: not what its tile was made of", NULL, 0);
}

static void another_root_is_another_log(void **state)
{
    struct log_folder *f = *state;

    f->at.root.bytes[0] ^= 1;
    (void)check(f, "entries 1 to 300: not what the log's key signed", NULL, 0);
}

static void pruned_entries_are_passed_only_at_the_beginning(void **state)
{
    struct log_folder *f = *state;

    log_folder_remove(f, "tile/entries/000");
    assert_int_equal(check(f, NULL, NULL, 0), 257);
    log_folder_remove(f, "tile/entries/001.p/44");
    assert_int_equal(check(f, NULL, NULL, 0), 301);
}

static void a_missing_bundle_behind_others_is_no_pruning(void **state)
{
    struct log_folder *f = *state;

    log_folder_remove(f, "tile/entries/001.p/44");
    (void)check(f, "entries 257 to 300: missing", NULL, 0);
}

static void kept_checkpoints_narrow_the_range(void **state)
{
    struct log_folder *f = *state;
    struct mrl_audit_kept kept[3] = {{.path = "a"}, {.path = "b"}, {.path = "c"}};
    MRL_SCOPED(mrl_buf) note = {0};

    log_folder_checkpoint(f, 100, &kept[0].at, &note);
    log_folder_checkpoint(f, 257, &kept[1].at, &note);
    kept[2].at = f->at;
    (void)check(f, NULL, kept, 3);
    kept[1].at.root.bytes[5] ^= 1;
    (void)check(f,
                "entries 101 to 257: not what the checkpoint in b covers: the log was rewritten, "
                "or others are shown another one",
                kept, 3);
}

static void a_log_that_is_shorter_than_a_kept_checkpoint_was_cut(void **state)
{
    struct log_folder *f = *state;
    struct mrl_audit_kept kept = {.path = "a", .at = f->at};

    kept.at.size++;
    (void)check(f,
                "the log ends at entry 300, but the checkpoint in a covers 301: it was cut or "
                "rolled back",
                &kept, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_log_is_good, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_entry_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_tile_of_each_level_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(another_root_is_another_log, setup, teardown),
        cmocka_unit_test_setup_teardown(pruned_entries_are_passed_only_at_the_beginning, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_missing_bundle_behind_others_is_no_pruning, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(kept_checkpoints_narrow_the_range, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_that_is_shorter_than_a_kept_checkpoint_was_cut, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
