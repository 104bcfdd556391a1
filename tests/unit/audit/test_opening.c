/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/opening.h"

#include <string.h>

#include "tests/unit/unit.h"

static struct mrl_audit_openings two(void)
{
    return (struct mrl_audit_openings){
        .count = 2,
        .at = {{MRL_LIT_INIT("actor.id"), "0123456789abcde", MRL_LIT_INIT("alice")},
               {MRL_LIT_INIT("source"), "fedcba987654321", MRL_LIT_INIT("192.0.2.7:50112")}},
    };
}

/* By coreutils: printf '0123456789abcde\0actor.id\0alice' | sha256sum */
static void a_commitment_is_what_others_compute(void **state)
{
    const struct mrl_audit_openings o = two();
    char text[MRL_AUDIT_COMMITMENT + 1];

    (void)state;
    assert_ok(mrl_audit_commit(&o.at[0], text));
    assert_string_equal(text,
                        "sha256:b64db90744cb17f5e900ae0b268b210169242afb4a621ddf3bd15d3ae124ea46");
    assert_ok(mrl_audit_opening_check(&o.at[0], mrl_str(text)));
}

static void another_value_field_or_salt_does_not_open_it(void **state)
{
    struct mrl_audit_openings o = two();
    char text[MRL_AUDIT_COMMITMENT + 1];

    (void)state;
    assert_ok(mrl_audit_commit(&o.at[0], text));
    o.at[0].salt[15] ^= 1;
    assert_int_equal(mrl_audit_opening_check(&o.at[0], mrl_str(text)), MRL_ERR_CORRUPT);
    o = two();
    o.at[0].value = MRL_LIT("alicf");
    assert_int_equal(mrl_audit_opening_check(&o.at[0], mrl_str(text)), MRL_ERR_CORRUPT);
    o = two();
    o.at[0].field = MRL_LIT("source");
    assert_int_equal(mrl_audit_opening_check(&o.at[0], mrl_str(text)), MRL_ERR_CORRUPT);
    assert_int_equal(mrl_audit_opening_check(&two().at[0], MRL_LIT("sha256:")), MRL_ERR_CORRUPT);
}

static void openings_are_read_as_they_were_written(void **state)
{
    const struct mrl_audit_openings o = two();
    MRL_SCOPED(mrl_buf) bytes = {0};
    struct mrl_audit_openings back;

    (void)state;
    assert_ok(mrl_audit_openings_write(&o, &bytes));
    assert_ok(mrl_audit_openings_read(mrl_buf_bytes(&bytes), &back));
    assert_int_equal(back.count, 2);
    assert_bytes_equal(mrl_audit_opening_of(&back, MRL_LIT("source"))->value,
                       MRL_LIT("192.0.2.7:50112"));
    assert_memory_equal(back.at[1].salt, o.at[1].salt, MRL_AUDIT_SALT);
    assert_null(mrl_audit_opening_of(&back, MRL_LIT("target")));
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(mrl_audit_openings_read(mrl_bytes_of(bytes.data, len), &back),
                         MRL_ERR_MALFORMED);
    assert_ok(mrl_buf_append(&bytes, MRL_LIT("x")));
    assert_int_equal(mrl_audit_openings_read(mrl_buf_bytes(&bytes), &back), MRL_ERR_MALFORMED);
}

static void the_limits_hold(void **state)
{
    char longest[MRL_AUDIT_VALUE_MAX + 1], text[MRL_AUDIT_COMMITMENT + 1];
    struct mrl_audit_opening o = {.field = MRL_LIT("f")};

    (void)state;
    memset(longest, 'v', sizeof(longest));
    o.value = mrl_bytes_of(longest, MRL_AUDIT_VALUE_MAX);
    assert_ok(mrl_audit_commit(&o, text));
    o.value.len++;
    assert_int_equal(mrl_audit_commit(&o, text), MRL_ERR_LIMIT);
    o = (struct mrl_audit_opening){.field = mrl_bytes_of(longest, MRL_AUDIT_FIELD_MAX)};
    assert_ok(mrl_audit_commit(&o, text));
    o.field.len++;
    assert_int_equal(mrl_audit_commit(&o, text), MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commitment_is_what_others_compute),
        cmocka_unit_test(another_value_field_or_salt_does_not_open_it),
        cmocka_unit_test(openings_are_read_as_they_were_written),
        cmocka_unit_test(the_limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
