/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/name.h"

#include <string.h>

#include "crypto/oid.h"
#include "tests/unit/unit.h"

static mrl_err write_name(mrl_bytes cn, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_name_write(&d, cn);
    return mrl_der_finish(&d);
}

static void put_attribute(struct mrl_der *d, mrl_bytes oid, uint8_t tag, mrl_bytes value)
{
    mrl_der_begin(d, MRL_DER_SET);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, oid);
    mrl_der_put(d, tag, value);
    mrl_der_end(d);
    mrl_der_end(d);
}

static void a_common_name_survives(void **state)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_subject_name name;

    (void)state;
    assert_ok(write_name(MRL_LIT("J\xc3\xbcrgen"), &der));
    assert_ok(mrl_name_read(mrl_buf_bytes(&der), &name));
    assert_bytes_equal(name.cn, MRL_LIT("J\xc3\xbcrgen"));
    assert_int_equal(name.cn_count, 1);
    assert_int_equal(name.others, 0);
}

static void a_common_name_has_1_to_64_characters_not_bytes(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_buf) der = {0};

    (void)state;
    for (int i = 0; i < 64; i++)
        assert_ok(mrl_buf_append(&text, MRL_LIT("\xc3\xbc")));
    assert_ok(write_name(mrl_buf_bytes(&text), &der));
    assert_ok(mrl_buf_append(&text, MRL_LIT("x")));
    assert_int_equal(write_name(mrl_buf_bytes(&text), &der), MRL_ERR_INVALID);
    assert_int_equal(write_name(MRL_BYTES_NONE, &der), MRL_ERR_INVALID);
    assert_int_equal(write_name(MRL_LIT("a\nb"), &der), MRL_ERR_INVALID);
    assert_int_equal(write_name(MRL_LIT("a\xff"), &der), MRL_ERR_INVALID);
}

static void a_nul_or_another_text_type_in_a_common_name_is_refused(void **state)
{
    static const struct {
        uint8_t tag;
        mrl_bytes value;
    } bad[] = {
        {MRL_DER_UTF8, MRL_LIT_INIT("admin\0.example")},
        {MRL_DER_IA5, MRL_LIT_INIT("caf\xe9")},
        {MRL_DER_UTF8, MRL_LIT_INIT("")},
        {MRL_DER_BMP, MRL_LIT_INIT("\0a\0b")},
        {MRL_DER_T61, MRL_LIT_INIT("abc")},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        MRL_SCOPED(mrl_buf) der = {0};
        struct mrl_der d = mrl_der_on(&der);
        struct mrl_subject_name name;

        mrl_der_begin(&d, MRL_DER_SEQUENCE);
        put_attribute(&d, MRL_LIT(MRL_OID_COMMON_NAME), bad[i].tag, bad[i].value);
        mrl_der_end(&d);
        assert_ok(mrl_der_finish(&d));
        assert_int_equal(mrl_name_read(mrl_buf_bytes(&der), &name), MRL_ERR_MALFORMED);
    }
}

static mrl_err read_attributes(size_t count, struct mrl_subject_name *name)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_der d = mrl_der_on(&der);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    for (size_t i = 0; i < count; i++)
        put_attribute(&d, i < 2 ? MRL_LIT(MRL_OID_COMMON_NAME) : MRL_LIT("\x55\x04\x0a"),
                      MRL_DER_UTF8, MRL_LIT("x"));
    mrl_der_end(&d);
    assert_ok(mrl_der_finish(&d));
    return mrl_name_read(mrl_buf_bytes(&der), name);
}

static void common_names_and_others_are_counted_up_to_a_limit(void **state)
{
    struct mrl_subject_name name;

    (void)state;
    assert_ok(read_attributes(0, &name));
    assert_int_equal(name.cn_count + name.others + name.cn.len, 0);
    assert_ok(read_attributes(MRL_NAME_RDNS_MAX, &name));
    assert_int_equal(name.cn_count, 2);
    assert_int_equal(name.others, MRL_NAME_RDNS_MAX - 2);
    assert_int_equal(read_attributes(MRL_NAME_RDNS_MAX + 1, &name), MRL_ERR_LIMIT);
}

static mrl_err write_san(struct mrl_names uris, struct mrl_names dns, struct mrl_names ips,
                         struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_san_write(&d, uris, dns, ips);
    return mrl_der_finish(&d);
}

static void alternative_names_survive_in_order(void **state)
{
    const mrl_bytes uri = MRL_LIT("urn:merlon:t:device:a"), dns = MRL_LIT("*.example.org");
    const mrl_bytes ip = MRL_LIT("\x7f\x00\x00\x01");
    const struct {
        enum mrl_san_kind kind;
        mrl_bytes value;
    } expected[] = {{MRL_SAN_URI, uri}, {MRL_SAN_DNS, dns}, {MRL_SAN_IP, ip}};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_san san;
    enum mrl_san_kind kind;
    mrl_bytes value;

    (void)state;
    assert_ok(write_san((struct mrl_names){&uri, 1}, (struct mrl_names){&dns, 1},
                        (struct mrl_names){&ip, 1}, &der));
    assert_ok(mrl_san_start(mrl_buf_bytes(&der), &san));
    for (size_t i = 0; i < 3; i++) {
        assert_true(mrl_san_next(&san, &kind, &value));
        assert_int_equal(kind, expected[i].kind);
        assert_bytes_equal(value, expected[i].value);
    }
    assert_false(mrl_san_next(&san, &kind, &value));
    assert_ok(mrl_san_start(MRL_BYTES_NONE, &san));
    assert_false(mrl_san_next(&san, &kind, &value));
}

static void names_that_are_none_are_not_written(void **state)
{
    static const mrl_bytes uris[] = {MRL_LIT_INIT(""),         MRL_LIT_INIT("no-scheme"),
                                     MRL_LIT_INIT(":x"),       MRL_LIT_INIT("urn:a b"),
                                     MRL_LIT_INIT("urn:a\0b"), MRL_LIT_INIT("urn:")};
    static const mrl_bytes dns[] = {MRL_LIT_INIT(""),   MRL_LIT_INIT("a..b"), MRL_LIT_INIT("-a"),
                                    MRL_LIT_INIT("a-"), MRL_LIT_INIT("a_b"),  MRL_LIT_INIT("a.*.b"),
                                    MRL_LIT_INIT("*"),  MRL_LIT_INIT("a."),   MRL_LIT_INIT("a\0b"),
                                    MRL_LIT_INIT("*.")};
    static const mrl_bytes ips[] = {MRL_LIT_INIT(""), MRL_LIT_INIT("12345"),
                                    MRL_LIT_INIT("1234567890abcdefg")};
    const struct mrl_names none = {0};
    MRL_SCOPED(mrl_buf) der = {0};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(uris); i++)
        assert_int_equal(write_san((struct mrl_names){&uris[i], 1}, none, none, &der),
                         MRL_ERR_INVALID);
    for (size_t i = 0; i < MRL_COUNT(dns); i++)
        assert_int_equal(write_san(none, (struct mrl_names){&dns[i], 1}, none, &der),
                         MRL_ERR_INVALID);
    for (size_t i = 0; i < MRL_COUNT(ips); i++)
        assert_int_equal(write_san(none, none, (struct mrl_names){&ips[i], 1}, &der),
                         MRL_ERR_INVALID);
}

static void alternative_names_are_limited_on_both_ways(void **state)
{
    mrl_bytes dns[MRL_SAN_ENTRIES_MAX + 1];
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_buf) more = {0};
    const struct mrl_names none = {0};
    struct mrl_der d = mrl_der_on(&more);
    struct mrl_san san;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(dns); i++)
        dns[i] = MRL_LIT("a");
    assert_int_equal(write_san(none, (struct mrl_names){dns, MRL_COUNT(dns)}, none, &der),
                     MRL_ERR_LIMIT);
    assert_ok(write_san(none, (struct mrl_names){dns, MRL_SAN_ENTRIES_MAX}, none, &der));
    assert_ok(mrl_san_start(mrl_buf_bytes(&der), &san));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    for (size_t i = 0; i < MRL_COUNT(dns); i++)
        mrl_der_put(&d, MRL_DER_CONTEXT(2), MRL_LIT("a"));
    mrl_der_end(&d);
    assert_int_equal(mrl_san_start(mrl_buf_bytes(&more), &san), MRL_ERR_LIMIT);
}

static void broken_alternative_names_are_refused_before_the_first_is_seen(void **state)
{
    static const mrl_bytes bad[] = {
        MRL_LIT_INIT("\x30\x00"), /* none at all */
        MRL_LIT_INIT("\x30\x05\x82\x03"
                     "a\0b"),                     /* NUL */
        MRL_LIT_INIT("\x30\x04\x87\x02\x7f\x00"), /* half an IP */
        MRL_LIT_INIT("\x30\x05\x82\x01"
                     "a\x0c\x00"), /* universal tag */
        MRL_LIT_INIT("\x30\x03\x82\x01"
                     "a\x00"),            /* trailing byte */
        MRL_LIT_INIT("\x30\x02\x89\x00"), /* no such choice */
        MRL_LIT_INIT("\x82\x01"
                     "a"), /* no SEQUENCE */
    };
    struct mrl_san san;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(mrl_san_start(bad[i], &san), MRL_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_common_name_survives),
        cmocka_unit_test(a_common_name_has_1_to_64_characters_not_bytes),
        cmocka_unit_test(a_nul_or_another_text_type_in_a_common_name_is_refused),
        cmocka_unit_test(common_names_and_others_are_counted_up_to_a_limit),
        cmocka_unit_test(alternative_names_survive_in_order),
        cmocka_unit_test(names_that_are_none_are_not_written),
        cmocka_unit_test(alternative_names_are_limited_on_both_ways),
        cmocka_unit_test(broken_alternative_names_are_refused_before_the_first_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
