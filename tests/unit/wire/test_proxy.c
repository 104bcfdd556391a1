/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/proxy.h"

#include "base/writer.h"
#include "tests/unit/unit.h"

/* clang-format off */
#define MARK "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
#define ADDRESSES_4 "\xc0\x00\x02\x01\xc6\x33\x64\x02\x9c\x40\x22\xb3"
#define ADDRESSES_6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x9c\x40\x22\xb3"
/* clang-format on */

static mrl_err read_one(mrl_bytes in, struct mrl_proxy_header *out)
{
    struct mrl_why why = {""};
    mrl_err err = mrl_proxy_read(in, out, &why);

    assert_int_equal(why.text[0] != '\0', err != MRL_OK && err != MRL_ERR_AGAIN);
    return err;
}

static void assert_refused(mrl_bytes in, mrl_err err)
{
    struct mrl_proxy_header h = {.total = 4711};

    assert_int_equal(read_one(in, &h), err);
    assert_int_equal(h.total, 4711);
}

static void every_prefix_asks_for_more(mrl_bytes header)
{
    struct mrl_proxy_header h;

    for (size_t have = 0; have < header.len; have++)
        assert_int_equal(read_one(mrl_bytes_sub(header, 0, have), &h), MRL_ERR_AGAIN);
    assert_ok(read_one(header, &h));
    assert_int_equal(h.total, header.len);
}

static void a_line_names_the_client_and_ends_where_tls_begins(void **state)
{
    mrl_bytes line = MRL_LIT("PROXY TCP4 192.0.2.1 198.51.100.2 40000 8883\r\n\x16\x03\x01");
    struct mrl_proxy_header h;

    (void)state;
    assert_ok(read_one(line, &h));
    assert_int_equal(h.source, MRL_PROXY_IPV4);
    assert_memory_equal(h.ip, "\xc0\x00\x02\x01", 4);
    assert_int_equal(h.port, 40000);
    assert_int_equal(h.total, line.len - 3);
    every_prefix_asks_for_more(mrl_bytes_sub(line, 0, line.len - 3));
}

static void a_line_of_ipv6_is_read(void **state)
{
    struct mrl_proxy_header h;

    (void)state;
    assert_ok(read_one(MRL_LIT("PROXY TCP6 2001:db8::1 2001:db8::2 0 65535\r\n"), &h));
    assert_int_equal(h.source, MRL_PROXY_IPV6);
    assert_memory_equal(h.ip, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
    assert_int_equal(h.port, 0);
}

static void an_unknown_client_leaves_the_address_of_the_connection(void **state)
{
    struct mrl_proxy_header h;

    (void)state;
    assert_ok(read_one(MRL_LIT("PROXY UNKNOWN\r\n"), &h));
    assert_int_equal(h.source, MRL_PROXY_OWN);
    assert_ok(read_one(MRL_LIT("PROXY UNKNOWN what ever 1 2 3\r\n"), &h));
    assert_int_equal(h.source, MRL_PROXY_OWN);
}

static void broken_lines_are_refused(void **state)
{
    static const mrl_bytes lines[] = {
        MRL_LIT_INIT("PROXY \r\n"),
        MRL_LIT_INIT("PROXY TCP4\r\n"),
        MRL_LIT_INIT("PROXY UDP4 192.0.2.1 198.51.100.2 1 2\r\n"),
        MRL_LIT_INIT("PROXY tcp4 192.0.2.1 198.51.100.2 1 2\r\n"),
        MRL_LIT_INIT("PROXY UNKNOWNS\r\n"),
        MRL_LIT_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n"),
        MRL_LIT_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n"),
        MRL_LIT_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n"),
        MRL_LIT_INIT("PROXY TCP4  192.0.2.1 198.51.100.2 1 2\r\n"),
        MRL_LIT_INIT("PROXY TCP4 192.0.2.256 198.51.100.2 1 2\r\n"),
        MRL_LIT_INIT("PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n"),
        MRL_LIT_INIT("PROXY TCP4 192.0.2.1 198.51.100 1 2\r\n"),
        MRL_LIT_INIT("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"),
        MRL_LIT_INIT("PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n"),
        MRL_LIT_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n"),
        MRL_LIT_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 1 -2\r\n"),
        MRL_LIT_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n"),
        MRL_LIT_INIT("PROXY TCP4 192.0.2.1\0x 198.51.100.2 1 2\r\n"),
        MRL_LIT_INIT("PROXX"),
        MRL_LIT_INIT("proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n"),
        MRL_LIT_INIT("\x16\x03\x01"),
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(lines); i++)
        assert_refused(lines[i], MRL_ERR_MALFORMED);
}

/* A line of so many bytes. */
static mrl_bytes line_of(size_t len, char to[static MRL_PROXY_V1_MAX + 1])
{
    struct mrl_writer w = mrl_writer_on(to, MRL_PROXY_V1_MAX + 1);
    mrl_bytes line = MRL_BYTES_NONE;

    mrl_put_text(&w, "PROXY UNKNOWN %0*d\r\n", (int)len - 16, 0);
    assert_ok(mrl_writer_end(&w, &line));
    assert_int_equal(line.len, len);
    return line;
}

/* 2.1: the longest line has 107 bytes. */
static void a_line_of_107_bytes_is_read_and_one_of_108_is_not(void **state)
{
    char memory[MRL_PROXY_V1_MAX + 1];
    struct mrl_proxy_header h;
    mrl_bytes line;

    (void)state;
    assert_ok(read_one(line_of(MRL_PROXY_V1_MAX, memory), &h));
    assert_int_equal(h.total, MRL_PROXY_V1_MAX);
    line = line_of(MRL_PROXY_V1_MAX + 1, memory);
    assert_refused(line, MRL_ERR_LIMIT);
    assert_refused(mrl_bytes_sub(line, 0, MRL_PROXY_V1_MAX), MRL_ERR_LIMIT);
    assert_int_equal(read_one(mrl_bytes_sub(line, 0, MRL_PROXY_V1_MAX - 1), &h), MRL_ERR_AGAIN);
}

static void a_binary_header_names_the_client(void **state)
{
    mrl_bytes header = MRL_LIT(MARK "\x21\x11\x00\x0c" ADDRESSES_4);
    struct mrl_proxy_header h;

    (void)state;
    every_prefix_asks_for_more(header);
    assert_ok(read_one(header, &h));
    assert_int_equal(h.source, MRL_PROXY_IPV4);
    assert_memory_equal(h.ip, "\xc0\x00\x02\x01", 4);
    assert_int_equal(h.port, 40000);
    assert_ok(read_one(MRL_LIT(MARK "\x21\x21\x00\x24" ADDRESSES_6 "\x16"), &h));
    assert_int_equal(h.source, MRL_PROXY_IPV6);
    assert_memory_equal(h.ip, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
    assert_int_equal(h.total, 16 + 36);
}

static void local_and_unspecified_leave_the_address_of_the_connection(void **state)
{
    static const mrl_bytes headers[] = {
        MRL_LIT_INIT(MARK "\x20\x00\x00\x00"),    MRL_LIT_INIT(MARK "\x20\x11\x00\x0c" ADDRESSES_4),
        MRL_LIT_INIT(MARK "\x20\xff\x00\x03xyz"), MRL_LIT_INIT(MARK "\x21\x00\x00\x00"),
        MRL_LIT_INIT(MARK "\x21\x00\x00\x03xyz"),
    };
    uint8_t local[16 + 216] = MARK "\x21\x31\x00\xd8";
    struct mrl_proxy_header h;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(headers); i++) {
        assert_ok(read_one(headers[i], &h));
        assert_int_equal(h.source, MRL_PROXY_OWN);
        assert_int_equal(h.total, headers[i].len);
    }
    assert_ok(read_one(mrl_bytes_of(local, sizeof(local)), &h));
    assert_int_equal(h.source, MRL_PROXY_OWN);
}

/* 2.2: what is not specified must be dropped. */
static void unknown_versions_commands_and_families_are_refused(void **state)
{
    static const mrl_bytes headers[] = {
        MRL_LIT_INIT(MARK "\x11"),
        MRL_LIT_INIT(MARK "\x31"),
        MRL_LIT_INIT(MARK "\x22"),
        MRL_LIT_INIT(MARK "\x2f"),
        MRL_LIT_INIT(MARK "\x21\x10\x00\x0c" ADDRESSES_4),
        MRL_LIT_INIT(MARK "\x21\x12\x00\x0c" ADDRESSES_4), /* datagrams */
        MRL_LIT_INIT(MARK "\x21\x22\x00\x24" ADDRESSES_6),
        MRL_LIT_INIT(MARK "\x21\x41\x00\x0c" ADDRESSES_4),
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(headers); i++)
        assert_refused(headers[i], MRL_ERR_UNSUPPORTED);
}

static void a_header_too_short_for_its_addresses_is_refused(void **state)
{
    /* 2.2: two paths of 108 bytes. Whole values would be in these. */
    uint8_t local[16 + 216 - 3] = MARK "\x21\x31\x00\xd5";

    (void)state;
    assert_refused(MRL_LIT(MARK "\x21\x11\x00\x0b" ADDRESSES_4), MRL_ERR_MALFORMED);
    assert_refused(MRL_LIT(MARK "\x21\x21\x00\x0c" ADDRESSES_4), MRL_ERR_MALFORMED);
    assert_refused(MRL_LIT(MARK "\x21\x31\x00\x0c" ADDRESSES_4), MRL_ERR_MALFORMED);
    assert_refused(mrl_bytes_of(local, sizeof(local)), MRL_ERR_MALFORMED);
}

static void further_values_are_skipped_and_must_end_with_the_header(void **state)
{
    struct mrl_proxy_header h;

    (void)state;
    assert_ok(
        read_one(MRL_LIT(MARK "\x21\x11\x00\x15" ADDRESSES_4 "\x05\x00\x03uid\xee\x00\x00"), &h));
    assert_int_equal(h.total, 16 + 0x15);
    assert_refused(MRL_LIT(MARK "\x21\x11\x00\x12" ADDRESSES_4 "\x05\x00\x04uid"),
                   MRL_ERR_MALFORMED);
    assert_refused(MRL_LIT(MARK "\x21\x11\x00\x0e" ADDRESSES_4 "\x05\x00"), MRL_ERR_MALFORMED);
    assert_refused(MRL_LIT(MARK "\x21\x11\x00\x0d" ADDRESSES_4 "\x05"), MRL_ERR_MALFORMED);
}

/* The checksum was computed by another program. */
static void a_checksum_is_looked_at_when_there_is_one(void **state)
{
    uint8_t header[] = MARK "\x21\x11\x00\x19" ADDRESSES_4 "\x05\x00\x03uid"
                            "\x03\x00\x04"
                            "\x63\xd3\x59\x31";
    mrl_bytes in = mrl_bytes_of(header, sizeof(header) - 1);
    struct mrl_proxy_header h;

    (void)state;
    assert_ok(read_one(in, &h));
    for (size_t i = 16; i < in.len; i++) {
        if (i == 34) /* the type of the checksum: it is then something else */
            continue;
        header[i] ^= 0x10;
        assert_int_not_equal(mrl_proxy_read(in, &h, NULL), MRL_OK);
        header[i] ^= 0x10;
    }
    assert_refused(MRL_LIT(MARK "\x21\x11\x00\x12" ADDRESSES_4 "\x03\x00\x03xyz"),
                   MRL_ERR_MALFORMED);
}

static void a_header_of_4096_bytes_is_read_and_one_of_4097_is_not(void **state)
{
    uint8_t header[MRL_PROXY_V2_MAX + 1] = {0};
    struct mrl_proxy_header h;

    (void)state;
    for (size_t size = MRL_PROXY_V2_MAX; size <= MRL_PROXY_V2_MAX + 1; size++) {
        struct mrl_writer w = mrl_writer_on(header, sizeof(header));

        mrl_put_bytes(&w, MRL_LIT(MARK "\x21\x11"));
        mrl_put_u16(&w, (uint16_t)(size - 16));
        mrl_put_bytes(&w, MRL_LIT(ADDRESSES_4 "\x04"));
        mrl_put_u16(&w, (uint16_t)(size - 16 - 12 - 3));
        if (size > MRL_PROXY_V2_MAX)
            assert_refused(mrl_bytes_of(header, 16), MRL_ERR_LIMIT);
        else
            assert_ok(read_one(mrl_bytes_of(header, size), &h));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_names_the_client_and_ends_where_tls_begins),
        cmocka_unit_test(a_line_of_ipv6_is_read),
        cmocka_unit_test(an_unknown_client_leaves_the_address_of_the_connection),
        cmocka_unit_test(broken_lines_are_refused),
        cmocka_unit_test(a_line_of_107_bytes_is_read_and_one_of_108_is_not),
        cmocka_unit_test(a_binary_header_names_the_client),
        cmocka_unit_test(local_and_unspecified_leave_the_address_of_the_connection),
        cmocka_unit_test(unknown_versions_commands_and_families_are_refused),
        cmocka_unit_test(a_header_too_short_for_its_addresses_is_refused),
        cmocka_unit_test(further_values_are_skipped_and_must_end_with_the_header),
        cmocka_unit_test(a_checksum_is_looked_at_when_there_is_one),
        cmocka_unit_test(a_header_of_4096_bytes_is_read_and_one_of_4097_is_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
