/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/tile.h"

#include <string.h>

#include "base/attr.h"
#include "tests/unit/unit.h"

static const struct {
    struct mrl_tlog_tile tile;
    const char *path;
} spellings[] = {
    {{0, 0, 256}, "tile/0/000"},
    {{0, 999, 256}, "tile/0/999"},
    {{0, 1000, 256}, "tile/0/x001/000"},
    {{0, 1234067, 256}, "tile/0/x001/x234/067"},
    {{0, 1234067, 112}, "tile/0/x001/x234/067.p/112"},
    {{1, 1000000, 1}, "tile/1/x001/x000/000.p/1"},
    {{7, 0, 255}, "tile/7/000.p/255"},
    {{MRL_TLOG_ENTRIES, 273, 112}, "tile/entries/273.p/112"},
    {{MRL_TLOG_ENTRIES, 1273, 256}, "tile/entries/x001/273"},
    {{0, (UINT64_C(1) << 56) - 1, 255}, "tile/0/x072/x057/x594/x037/x927/935.p/255"},
};

static void a_tile_has_one_spelling(void **state)
{
    char path[MRL_TLOG_PATH_MAX];
    struct mrl_tlog_tile tile;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(spellings); i++) {
        mrl_tlog_tile_path(spellings[i].tile, path);
        assert_string_equal(path, spellings[i].path);
        assert_ok(mrl_tlog_tile_parse(mrl_str(path), &tile));
        assert_int_equal(tile.level, spellings[i].tile.level);
        assert_int_equal(tile.index, spellings[i].tile.index);
        assert_int_equal(tile.width, spellings[i].tile.width);
    }
}

static void other_spellings_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/00a",
        "tile/0/-01",
        "tile/0/x000/000",
        "tile/0/x000/x001/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/x001//000",
        "tile/0//000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/00/000",
        "tile/8/000",
        "tile/63/000",
        "tile/x/000",
        "tile/entry/000",
        "tile/Entries/000",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/0/000.q/1",
        "tile/0/000/1",
        "tile/0/x072/x057/x594/x037/x927/936", /* 2^56: no log is that large */
        "tile/7/001",
        "tile/0/x018/x446/x744/x073/x709/x551/615",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
        "tile/0/000.p/99999999999999999999",
    };
    struct mrl_tlog_tile tile;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(mrl_tlog_tile_parse(mrl_str(bad[i]), &tile), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_tlog_tile_parse(mrl_bytes_of("tile/0/000\0", 11), &tile),
                     MRL_ERR_MALFORMED);
}

/* The example of c2sp.org/tlog-tiles, Partial Tiles. */
static void a_log_of_70000_has_the_tiles_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(mrl_tlog_tile_width(0, 272, 70000), 256);
    assert_int_equal(mrl_tlog_tile_width(0, 273, 70000), 112);
    assert_int_equal(mrl_tlog_tile_width(0, 274, 70000), 0);
    assert_int_equal(mrl_tlog_tile_width(1, 0, 70000), 256);
    assert_int_equal(mrl_tlog_tile_width(1, 1, 70000), 17);
    assert_int_equal(mrl_tlog_tile_width(2, 0, 70000), 1);
    assert_int_equal(mrl_tlog_tile_width(3, 0, 70000), 0);
    assert_int_equal(mrl_tlog_tile_width(MRL_TLOG_ENTRIES, 273, 70000), 112);
}

static void widths_at_the_edges(void **state)
{
    (void)state;
    assert_int_equal(mrl_tlog_tile_width(0, 0, 0), 0);
    assert_int_equal(mrl_tlog_tile_width(0, 0, 255), 255);
    assert_int_equal(mrl_tlog_tile_width(1, 0, 255), 0);
    assert_int_equal(mrl_tlog_tile_width(0, 0, 256), 256);
    assert_int_equal(mrl_tlog_tile_width(0, 1, 256), 0);
    assert_int_equal(mrl_tlog_tile_width(1, 0, 256), 1);
    assert_int_equal(mrl_tlog_tile_width(7, 0, UINT64_MAX), 255);
    assert_int_equal(mrl_tlog_tile_width(8, 0, UINT64_MAX), 0);
    assert_int_equal(mrl_tlog_tile_width(62, 0, UINT64_MAX), 0);
    assert_int_equal(mrl_tlog_tile_width(64, 0, UINT64_MAX), 0);
}

static void a_bundle_gives_its_entries_one_by_one(void **state)
{
    mrl_bytes rest = MRL_LIT("\x00\x02hi\x00\x00\x00\x01!"), entry;

    (void)state;
    assert_ok(mrl_tlog_bundle_next(&rest, &entry));
    assert_bytes_equal(entry, MRL_LIT("hi"));
    assert_ok(mrl_tlog_bundle_next(&rest, &entry));
    assert_bytes_equal(entry, MRL_BYTES_NONE);
    assert_ok(mrl_tlog_bundle_next(&rest, &entry));
    assert_bytes_equal(entry, MRL_LIT("!"));
    assert_int_equal(rest.len, 0);
    assert_int_equal(mrl_tlog_bundle_next(&rest, &entry), MRL_ERR_MALFORMED);
}

static void a_bundle_that_is_cut_is_malformed(void **state)
{
    static uint8_t largest[2 + MRL_TLOG_ENTRY_MAX] = {0xff, 0xff};
    mrl_bytes rest = mrl_bytes_of(largest, sizeof(largest)), entry;

    (void)state;
    assert_ok(mrl_tlog_bundle_next(&rest, &entry));
    assert_int_equal(entry.len, MRL_TLOG_ENTRY_MAX);
    rest = mrl_bytes_of(largest, sizeof(largest) - 1);
    assert_int_equal(mrl_tlog_bundle_next(&rest, &entry), MRL_ERR_MALFORMED);
    assert_int_equal(rest.len, sizeof(largest) - 1);
    rest = MRL_LIT("\x00");
    assert_int_equal(mrl_tlog_bundle_next(&rest, &entry), MRL_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_has_one_spelling),
        cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(a_log_of_70000_has_the_tiles_of_the_specification),
        cmocka_unit_test(widths_at_the_edges),
        cmocka_unit_test(a_bundle_gives_its_entries_one_by_one),
        cmocka_unit_test(a_bundle_that_is_cut_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
