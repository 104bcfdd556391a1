/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_opened.h"

#include "cli/print.h"
#include "tests/unit/unit.h"

/* SHA-256(0x00..0x0f | "source" | NUL | "192.0.2.7:50112"), by sha256sum. */
#define SALT "000102030405060708090a0b0c0d0e0f"
#define COMMITMENT "sha256:fabe451c7c7cd759bb4b87ccd8440533c36fa3b221608f610a02a37972986aef"

static json_t *parse(const char *text)
{
    json_t *json = NULL;

    assert_ok(mrl_json_read(mrl_str(text), &MRL_JSON_LIMITS_DEFAULT, &json, NULL));
    return json;
}

static void assert_checked(const char *opened_text, mrl_err wanted)
{
    MRL_AUTO(json_t) entry = parse("{\"source\":\"" COMMITMENT "\",\"actor\":{\"id\":\"alice\"}}");
    MRL_AUTO(json_t) opened = parse(opened_text);
    struct mrl_why why = {""};

    assert_int_equal(mrl_audit_opened_check(entry, opened, &why), wanted);
    assert_int_equal(why.text[0] == '\0', wanted == MRL_OK);
}

static void what_opens_a_commitment_must_be_what_it_was_made_of(void **state)
{
    (void)state;
    assert_checked("{}", MRL_OK);
    assert_checked("{\"source\":{\"salt\":\"" SALT "\",\"value\":\"192.0.2.7:50112\"}}", MRL_OK);
    assert_checked("{\"source\":{\"salt\":\"" SALT "\",\"value\":\"192.0.2.8:50112\"}}",
                   MRL_ERR_CORRUPT);
    assert_checked("{\"source\":{\"salt\":\"00\",\"value\":\"192.0.2.7:50112\"}}", MRL_ERR_CORRUPT);
    assert_checked("{\"target\":{\"salt\":\"" SALT "\",\"value\":\"192.0.2.7:50112\"}}",
                   MRL_ERR_CORRUPT);
}

static void what_cannot_be_read_opens_nothing(void **state)
{
    (void)state;
    assert_checked("{\"source\":\"192.0.2.7:50112\"}", MRL_ERR_CORRUPT);
    assert_checked("{\"source\":{\"value\":\"192.0.2.7:50112\"}}", MRL_ERR_CORRUPT);
    assert_checked("{\"source\":{\"salt\":\"0\",\"value\":\"x\"}}", MRL_ERR_CORRUPT);
    assert_checked("{\"source\":{\"salt\":\"xy\",\"value\":\"x\"}}", MRL_ERR_CORRUPT);
    assert_checked("{\"source\":{\"salt\":\"" SALT SALT SALT SALT "\",\"value\":\"x\"}}",
                   MRL_ERR_CORRUPT); /* as long as a salt may be */
    assert_checked("{\"source\":{\"salt\":\"" SALT SALT SALT SALT "00\",\"value\":\"x\"}}",
                   MRL_ERR_CORRUPT);
}

static void assert_merged(const char *opened_text, mrl_err wanted, const char *source,
                          const char *id)
{
    MRL_AUTO(json_t) entry = parse("{\"source\":\"s\",\"actor\":{\"id\":\"i\"}}");
    MRL_AUTO(json_t) opened = parse(opened_text);

    assert_int_equal(mrl_audit_opened_merge(entry, opened), wanted);
    assert_bytes_equal(mrl_cli_text_of(entry, "source"), mrl_str(source));
    assert_bytes_equal(mrl_cli_text_of(entry, "actor.id"), mrl_str(id));
}

static void opened_values_take_the_place_of_commitments(void **state)
{
    (void)state;
    assert_merged("{}", MRL_OK, "s", "i");
    assert_merged("{\"actor.id\":\"alice\",\"source\":{\"value\":\"a\"}}", MRL_OK, "a", "alice");
    assert_merged("{\"source\":7}", MRL_ERR_INVALID, "s", "i");
    assert_merged("{\"nothing.id\":\"x\"}", MRL_ERR_INVALID, "s", "i");
    assert_merged("{\"source.id\":\"x\"}", MRL_ERR_INVALID, "s", "i");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_opens_a_commitment_must_be_what_it_was_made_of),
        cmocka_unit_test(what_cannot_be_read_opens_nothing),
        cmocka_unit_test(opened_values_take_the_place_of_commitments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
