/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/bundles.h"

#include <stdio.h>

#include "issuing/generations.h"
#include "tests/unit/access/fixture.h"

static const char hex[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static void a_version_is_64_hex_digits_and_nothing_else(void **state)
{
    struct mrl_bundle_version v;

    (void)state;
    assert_ok(mrl_bundle_read(mrl_str(hex), &v));
    assert_int_equal(v.bytes[1], 0x11);
    assert_int_equal(mrl_bundle_read(mrl_bytes_sub(mrl_str(hex), 0, 63), &v), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_bundle_read(mrl_bytes_sub(mrl_str(hex), 0, 62), &v), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_bundle_read(MRL_BYTES_NONE, &v), MRL_ERR_MALFORMED);
    assert_int_equal(
        mrl_bundle_read(
            MRL_LIT("0011223344556677 899aabbccddeeff00112233445566778899aabbccddeeff0"), &v),
        MRL_ERR_MALFORMED);
    assert_int_equal(
        mrl_bundle_read(
            MRL_LIT("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00"), &v),
        MRL_ERR_MALFORMED);
}

static mrl_err count(struct mrl_tx *tx, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT COUNT(*), MIN(changed) FROM ca_bundle_reports",
                             MRL_NO_ARGS, &rows));
    *(int64_t *)context = mrl_row_int(rows, 0);
    return MRL_OK;
}

static int64_t reports(struct mrl_store *s)
{
    int64_t n = -1;

    assert_ok(mrl_store_read(s, count, &n));
    return n;
}

static void only_devices_that_are_known_are_remembered(void **state)
{
    struct mrl_bundle_version v;
    struct place place;
    struct mrl_store *s;

    (void)state;
    duties_more = &mrl_ca_migrations;
    place_make(&place);
    s = duties_store(&place);
    assert_ok(store_exec(s,
                         "INSERT INTO devices (id, grp, state, resume, reason, created, changed)"
                         " VALUES ('pump-7', '', 2, 2, '', 0, 0)",
                         MRL_NO_ARGS));
    assert_ok(mrl_bundle_read(mrl_str(hex), &v));
    mrl_bundle_report(s, MRL_LIT("pump-7"), &v);
    mrl_bundle_report(s, MRL_LIT("pump-7"), &v);
    mrl_bundle_report(s, MRL_LIT("pump-8"), &v);
    mrl_bundle_report(s, MRL_LIT("no name/at all"), &v);
    assert_ok(mrl_bundle_enter(s, &v, MRL_LIT("\x01"))); /* behind the others, and waits */
    assert_ok(mrl_bundle_enter(s, &v, MRL_LIT("\x01")));
    assert_int_equal(reports(s), 1);
    duties_close(s);
    place_remove(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_64_hex_digits_and_nothing_else),
        cmocka_unit_test(only_devices_that_are_known_are_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
