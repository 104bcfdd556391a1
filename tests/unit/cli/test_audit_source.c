/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_source.h"

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

static void assert_tile(struct log_folder *f, struct mrl_tlog_tile tile, size_t len)
{
    MRL_SCOPED(mrl_buf) out = {0};
    bool there = false;

    assert_int_equal(mrl_audit_source_tile(&f->source, tile, &out, &there), MRL_EXIT_OK);
    assert_true(there);
    assert_int_equal(out.len, len);
}

static void a_tile_is_cut_to_its_width(void **state)
{
    struct log_folder *f = *state;

    assert_tile(f, (struct mrl_tlog_tile){0, 0, 256}, 256 * 32);
    assert_tile(f, (struct mrl_tlog_tile){0, 0, 7}, 7 * 32L);
    assert_tile(f, (struct mrl_tlog_tile){MRL_TLOG_ENTRIES, 0, 3}, 3 * (2 + 7L));
    assert_tile(f, (struct mrl_tlog_tile){MRL_TLOG_ENTRIES, 1, 44}, 44 * (2 + 9L));
}

static void a_partial_tile_of_an_older_log_is_found_in_the_newest(void **state)
{
    struct log_folder *f = *state;
    MRL_SCOPED(mrl_buf) out = {0};
    bool there = true;

    assert_int_equal(
        mrl_audit_source_tile(&f->source, (struct mrl_tlog_tile){0, 1, 5}, &out, &there),
        MRL_EXIT_OK);
    assert_false(there);
    f->source.size = LOG_SIZE;
    assert_tile(f, (struct mrl_tlog_tile){0, 1, 5}, 5 * 32L);
    assert_tile(f, (struct mrl_tlog_tile){MRL_TLOG_ENTRIES, 1, 5}, 5 * (2 + 9L));
}

static void a_file_that_is_missing_is_told_and_one_that_is_short_refused(void **state)
{
    struct log_folder *f = *state;
    MRL_SCOPED(mrl_buf) out = {0};
    bool there = true;

    assert_int_equal(
        mrl_audit_source_tile(&f->source, (struct mrl_tlog_tile){0, 9, 256}, &out, &there),
        MRL_EXIT_OK);
    assert_false(there);
    log_folder_write(f, "tile/0/000", MRL_LIT("short"));
    assert_int_equal(
        mrl_audit_source_tile(&f->source, (struct mrl_tlog_tile){0, 0, 256}, &out, &there),
        MRL_EXIT_UNVERIFIED);
    assert_string_equal(f->cli.why.text, "tile/0/000 is cut short: it must hold 256 hashes");
    log_folder_write(f, "tile/entries/000", MRL_LIT("\0\5four"));
    assert_int_equal(mrl_audit_source_tile(&f->source,
                                           (struct mrl_tlog_tile){MRL_TLOG_ENTRIES, 0, 256}, &out,
                                           &there),
                     MRL_EXIT_UNVERIFIED);
}

static void the_root_of_any_size_comes_from_the_tiles(void **state)
{
    struct log_folder *f = *state;
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_checkpoint old;

    f->source.size = LOG_SIZE;
    assert_int_equal(mrl_audit_source_check_root(&f->source, LOG_SIZE, &f->at.root, "x"),
                     MRL_EXIT_OK);
    log_folder_checkpoint(f, 257, &old, &note);
    assert_int_equal(mrl_audit_source_check_root(&f->source, 257, &old.root, "x"), MRL_EXIT_OK);
    assert_int_equal(mrl_audit_source_check_root(&f->source, 256, &old.root, "kept one"),
                     MRL_EXIT_UNVERIFIED);
    assert_string_equal(f->cli.why.text,
                        "entries 1 to 256 are not those of the kept one of size 256");
    log_folder_remove(f, "tile/0/001.p/44");
    assert_int_equal(mrl_audit_source_check_root(&f->source, LOG_SIZE, &f->at.root, "x"),
                     MRL_EXIT_UNVERIFIED);
    assert_string_equal(f->cli.why.text, "tile/0/001.p/44 is missing");
}

static void a_folder_without_checkpoint_is_no_log(void **state)
{
    struct log_folder *f = *state;
    MRL_SCOPED(mrl_buf) note = {0};

    assert_int_equal(mrl_audit_source_checkpoint(&f->source, &note), MRL_EXIT_OK);
    assert_bytes_equal(mrl_buf_bytes(&note), mrl_buf_bytes(&f->note));
    log_folder_remove(f, "checkpoint");
    assert_int_equal(mrl_audit_source_checkpoint(&f->source, &note), MRL_EXIT_UNVERIFIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tile_is_cut_to_its_width, setup, teardown),
        cmocka_unit_test_setup_teardown(a_partial_tile_of_an_older_log_is_found_in_the_newest,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_file_that_is_missing_is_told_and_one_that_is_short_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_root_of_any_size_comes_from_the_tiles, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_without_checkpoint_is_no_log, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
