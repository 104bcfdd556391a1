/* SPDX-License-Identifier: Apache-2.0 */
#include "main/config.h"

#include <string.h>

#include "tests/unit/unit.h"

static mrl_err read_text(const char *text, struct mrl_arena *arena, struct mrl_config *out,
                         struct mrl_why *why)
{
    return mrl_config_read(&mrl_config_schema, mrl_str(text), arena, out, why);
}

/* A wrong default in the table shows here and not on an operator's machine. */
static void the_state_folder_is_all_that_must_be_said(void **state)
{
    struct mrl_arena arena = {0};
    struct mrl_config c;
    struct mrl_why why = {""};

    (void)state;
    if (read_text("[server]\nstate = \"/var/lib/merlon\"\n", &arena, &c, &why) != MRL_OK)
        fail_msg("%s", why.text);
    assert_bytes_equal(c.server.state, MRL_LIT("/var/lib/merlon"));
    assert_bytes_equal(c.mqtt.listen, MRL_LIT("*:8883"));
    assert_bytes_equal(c.management.listen, MRL_LIT("127.0.0.1:9443"));
    assert_int_equal(c.issuing.device_life_s, 180 * 86400);
    assert_int_equal(c.mqtt.packet_bytes, 256 << 10);
    assert_int_equal(c.mqtt.device_sessions, 4);
    assert_string_equal(mrl_config_unlocks[c.keys.unlock], "file");
    assert_int_equal(c.telemetry_count, 0);
    mrl_arena_done(&arena);
    assert_int_equal(read_text("", &arena, &c, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "state"));
    mrl_arena_done(&arena);
}

static void telemetry_tables_are_counted(void **state)
{
    struct mrl_arena arena = {0};
    struct mrl_config c;

    (void)state;
    assert_ok(read_text(
        "[server]\nstate = \"/s\"\n"
        "[[telemetry]]\ntopic = \"devices/${id}/t\"\nmetric = \"iot_device_temperature\"\n"
        "[[telemetry]]\ntopic = \"b\"\nmetric = \"b\"\nseries = 2\nfield = \"x.y\"\n",
        &arena, &c, NULL));
    assert_int_equal(c.telemetry_count, 2);
    assert_bytes_equal(c.telemetry[0].metric, MRL_LIT("iot_device_temperature"));
    assert_int_equal(c.telemetry[0].series, 1000);
    assert_int_equal(c.telemetry[1].series, 2);
    mrl_arena_done(&arena);
}

static void limits_hold_at_limit_and_one_above(void **state)
{
    static const struct {
        const char *line;
        mrl_err err;
    } cases[] = {
        {"[mqtt]\nin_flight = 65535\n", MRL_OK},
        {"[mqtt]\nin_flight = 65536\n", MRL_ERR_INVALID},
        {"[mqtt]\npacket_bytes = \"128\"\n", MRL_OK},
        {"[mqtt]\npacket_bytes = \"127\"\n", MRL_ERR_INVALID},
        {"[issuing]\nserver_life = \"366d\"\n", MRL_OK},
        {"[issuing]\nserver_life = \"367d\"\n", MRL_ERR_INVALID},
        {"[tls]\nticket_life = \"7d\"\n", MRL_OK},
        {"[tls]\nticket_life = \"8d\"\n", MRL_ERR_INVALID},
        {"[mqtt]\nplaintext = true\n", MRL_ERR_INVALID}, /* there is no such door */
        {"[mqtt]\nlissen = \"*:1\"\n", MRL_ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct mrl_arena arena = {0};
        struct mrl_config c;
        char text[256] = "[server]\nstate = \"/s\"\n";

        strncat(text, cases[i].line, sizeof(text) - strlen(text) - 1);
        assert_int_equal(read_text(text, &arena, &c, NULL), cases[i].err);
        mrl_arena_done(&arena);
    }
}

/* A list of so many that are all the same: only their number counts. */
static mrl_err read_list(const char *section, const char *key, const char *value, size_t count)
{
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_arena arena = {0};
    struct mrl_config c;
    mrl_err err;

    assert_ok(mrl_buf_printf(&text, "[server]\nstate = \"/s\"\n[%s]\n%s = [", section, key));
    for (size_t i = 0; i < count; i++)
        assert_ok(mrl_buf_printf(&text, "%s\"%s\"", i > 0 ? ", " : "", value));
    assert_ok(mrl_buf_append(&text, MRL_LIT("]\n\0")));
    err = read_text((const char *)text.data, &arena, &c, NULL);
    mrl_arena_done(&arena);
    return err;
}

static void lists_have_64_entries_and_not_65(void **state)
{
    (void)state;
    assert_ok(read_list("mqtt", "origins", "https://app.example.org", 64));
    assert_int_equal(read_list("mqtt", "origins", "https://app.example.org", 65), MRL_ERR_INVALID);
    assert_ok(read_list("mqtt", "proxies", "10.0.0.0/8", 64));
    assert_int_equal(read_list("mqtt", "proxies", "10.0.0.0/8", 65), MRL_ERR_INVALID);
    assert_ok(read_list("enrolment", "proxies", "10.0.0.0/8", 64));
    assert_int_equal(read_list("enrolment", "proxies", "10.0.0.0/8", 65), MRL_ERR_INVALID);
    assert_ok(read_list("quota", "exempt", "10.0.0.0/8", 64));
    assert_int_equal(read_list("quota", "exempt", "10.0.0.0/8", 65), MRL_ERR_INVALID);
}

static mrl_err read_tables(const char *table, size_t count, size_t *read)
{
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_arena arena = {0};
    struct mrl_config c;
    mrl_err err;

    assert_ok(mrl_buf_append(&text, MRL_LIT("[server]\nstate = \"/s\"\n")));
    for (size_t i = 0; i < count; i++)
        assert_ok(mrl_buf_append(&text, mrl_str(table)));
    assert_ok(mrl_buf_append(&text, MRL_LIT("\0")));
    err = read_text((const char *)text.data, &arena, &c, NULL);
    *read = err == MRL_OK ? c.telemetry_count : 0;
    mrl_arena_done(&arena);
    return err;
}

static void there_are_64_mappings_and_not_65(void **state)
{
    static const char mapping[] = "[[telemetry]]\ntopic = \"t\"\nmetric = \"m\"\n";
    size_t count;

    (void)state;
    assert_ok(read_tables(mapping, 64, &count));
    assert_int_equal(count, 64);
    assert_int_equal(read_tables(mapping, 65, &count), MRL_ERR_INVALID);
}

static void the_example_names_every_key(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};

    (void)state;
    assert_ok(mrl_config_example(&mrl_config_schema, &text));
    assert_ok(mrl_buf_append(&text, MRL_LIT("\0")));
    for (size_t i = 0; i < mrl_config_schema.section_count; i++) {
        const struct mrl_config_section *s = &mrl_config_schema.sections[i];

        assert_non_null(strstr((char *)text.data, s->name));
        for (size_t k = 0; k < s->key_count; k++)
            assert_non_null(strstr((char *)text.data, s->keys[k].name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_folder_is_all_that_must_be_said),
        cmocka_unit_test(telemetry_tables_are_counted),
        cmocka_unit_test(there_are_64_mappings_and_not_65),
        cmocka_unit_test(limits_hold_at_limit_and_one_above),
        cmocka_unit_test(lists_have_64_entries_and_not_65),
        cmocka_unit_test(the_example_names_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
