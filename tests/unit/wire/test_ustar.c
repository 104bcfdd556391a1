/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ustar.h"

#include <string.h>

#include "base/buf.h"
#include "tests/unit/unit.h"

struct seen {
    struct mrl_ustar_entry last;
    unsigned entries;
    size_t bytes;
};

static mrl_err on_entry(void *context, const struct mrl_ustar_entry *e)
{
    struct seen *s = context;

    s->last = *e;
    s->entries++;
    return MRL_OK;
}

static mrl_err on_data(void *context, mrl_bytes data)
{
    ((struct seen *)context)->bytes += data.len;
    return MRL_OK;
}

static void put(struct mrl_buf *out, const char *name, size_t size)
{
    static const uint8_t content[3 * MRL_USTAR_BLOCK] = {'x'};
    struct mrl_ustar_entry e = {.size = size, .mtime_s = 1795472078};
    uint8_t header[MRL_USTAR_BLOCK];

    assert_true(mrl_bytes_to_cstr(mrl_str(name), e.name, sizeof(e.name)));
    assert_ok(mrl_ustar_write_header(&e, header));
    assert_ok(mrl_buf_append(out, mrl_bytes_of(header, sizeof(header))));
    assert_ok(mrl_buf_append(out, mrl_bytes_of(content, size)));
    while (out->len % MRL_USTAR_BLOCK != 0)
        assert_ok(mrl_buf_append(out, mrl_bytes_of("", 1)));
}

static void finish(struct mrl_buf *out)
{
    static const uint8_t end[2 * MRL_USTAR_BLOCK];

    assert_ok(mrl_buf_append(out, mrl_bytes_of(end, sizeof(end))));
}

static mrl_err read_in_pieces(mrl_bytes file, size_t piece, struct seen *s)
{
    struct mrl_ustar_reader r = {.entry = on_entry, .data = on_data, .context = s};

    for (size_t at = 0; at < file.len; at += piece)
        MRL_TRY(mrl_ustar_read(&r, mrl_bytes_sub(file, at, piece)));
    return mrl_ustar_end(&r);
}

static void what_was_written_is_read_in_pieces_of_any_size(void **state)
{
    MRL_SCOPED(mrl_buf) file = {0};

    (void)state;
    put(&file, "manifest.json", 5);
    put(&file, "empty", 0);
    put(&file, "merlon.db", 2 * MRL_USTAR_BLOCK);
    finish(&file);
    for (size_t piece = 1; piece < 1100; piece += 37) {
        struct seen s = {.entries = 0};

        assert_ok(read_in_pieces(mrl_buf_bytes(&file), piece, &s));
        assert_int_equal(s.entries, 3);
        assert_int_equal(s.bytes, 5 + 2 * MRL_USTAR_BLOCK);
        assert_string_equal(s.last.name, "merlon.db");
    }
}

static void a_changed_header_is_refused(void **state)
{
    MRL_SCOPED(mrl_buf) file = {0};

    (void)state;
    put(&file, "merlon.db", 5);
    finish(&file);
    for (size_t i = 0; i < file.len; i++) {
        struct seen s = {.entries = 0};

        if (i >= MRL_USTAR_BLOCK && i < MRL_USTAR_BLOCK + 5)
            continue; /* content is authenticated elsewhere */
        file.data[i] ^= 1;
        assert_int_equal(read_in_pieces(mrl_buf_bytes(&file), 4096, &s), MRL_ERR_MALFORMED);
        file.data[i] ^= 1;
    }
}

static void an_archive_cut_anywhere_is_refused(void **state)
{
    MRL_SCOPED(mrl_buf) file = {0};

    (void)state;
    put(&file, "merlon.db", 5);
    finish(&file);
    for (size_t len = 0; len < file.len; len++) {
        struct seen s = {.entries = 0};

        assert_int_equal(read_in_pieces(mrl_bytes_of(file.data, len), 4096, &s), MRL_ERR_MALFORMED);
    }
}

static void names_sizes_and_times_have_limits(void **state)
{
    static const char *const wrong[] = {"", "..", ".x", "a/b", "/a", "A", "a b"};
    struct mrl_ustar_entry e = {.name = "a", .size = MRL_USTAR_SIZE_MAX};
    uint8_t header[MRL_USTAR_BLOCK];

    (void)state;
    assert_ok(mrl_ustar_write_header(&e, header));
    e.size++;
    assert_int_equal(mrl_ustar_write_header(&e, header), MRL_ERR_LIMIT);
    e.size = 0;
    e.mtime_s = -1;
    assert_int_equal(mrl_ustar_write_header(&e, header), MRL_ERR_LIMIT);
    e.mtime_s = 0;
    memset(e.name, 'a', MRL_USTAR_NAME_MAX);
    assert_ok(mrl_ustar_write_header(&e, header));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_true(mrl_bytes_to_cstr(mrl_str(wrong[i]), e.name, sizeof(e.name)));
        assert_int_equal(mrl_ustar_write_header(&e, header), MRL_ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_in_pieces_of_any_size),
        cmocka_unit_test(a_changed_header_is_refused),
        cmocka_unit_test(an_archive_cut_anywhere_is_refused),
        cmocka_unit_test(names_sizes_and_times_have_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
