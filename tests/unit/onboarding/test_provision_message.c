/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/provision_message.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "wire/cbor.h"

static mrl_err read(enum mrl_provision_format format, mrl_bytes payload,
                    struct mrl_provision_message *out)
{
    struct mrl_why why = {""};
    mrl_err err = mrl_provision_message_read(format, payload, out, &why);

    assert_true(err == MRL_OK || why.text[0] != '\0'); /* every refusal has its sentence */
    return err;
}

static void both_formats_say_the_same(void **state)
{
    static const mrl_bytes payloads[] = {
        [MRL_PROVISION_JSON] =
            MRL_LIT_INIT("{\"certificateOwnershipToken\":\"tok\",\"later\":[1,{\"x\":null}],"
                         "\"parameters\":{\"a\":\"1\"}}"),
        [MRL_PROVISION_CBOR] = MRL_LIT_INIT("\xa3\x78\x19"
                                            "certificateOwnershipToken\x63"
                                            "tok\x65"
                                            "later\x82\x01\xa1\x61x\xf6\x6a"
                                            "parameters\xa1\x61"
                                            "a\x61"
                                            "1"),
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(payloads); i++) {
        MRL_SCOPED(mrl_provision_message) m = {0};

        assert_ok(read((enum mrl_provision_format)i, payloads[i], &m));
        assert_bytes_equal(m.token, MRL_LIT("tok"));
        assert_int_equal(m.csr.len, 0);
        assert_int_equal(m.count, 1);
        assert_bytes_equal(m.parameters[0].name, MRL_LIT("a"));
        assert_bytes_equal(m.parameters[0].value, MRL_LIT("1"));
    }
}

static void what_is_no_message_is_refused(void **state)
{
    static const struct {
        enum mrl_provision_format format;
        mrl_bytes payload;
    } wrong[] = {
        {MRL_PROVISION_JSON, MRL_LIT_INIT("")},
        {MRL_PROVISION_JSON, MRL_LIT_INIT("[]")},
        {MRL_PROVISION_JSON, MRL_LIT_INIT("\"x\"")},
        {MRL_PROVISION_JSON, MRL_LIT_INIT("{\"certificateSigningRequest\":7}")},
        {MRL_PROVISION_JSON, MRL_LIT_INIT("{\"parameters\":[]}")},
        {MRL_PROVISION_JSON, MRL_LIT_INIT("{\"parameters\":{\"a\":1}}")},
        {MRL_PROVISION_JSON, MRL_LIT_INIT("{\"parameters\":{\"a\":\"1\",\"a\":\"2\"}}")},
        {MRL_PROVISION_JSON, MRL_LIT_INIT("{} x")},
        {MRL_PROVISION_JSON, MRL_LIT_INIT("{\"a\":\"\xff\"}")},
        {MRL_PROVISION_JSON, MRL_LIT_INIT("{\"a\":[[[[[[[[1]]]]]]]]}")},
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("")},
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("\x80")},
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("{}")},
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("\xbf\xff")},         /* indefinite */
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("\xd9\xd9\xf7\xa0")}, /* tagged */
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("\xa0\x00")},         /* more behind it */
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("\xa1\x01\x02")},     /* a name that is no text */
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("\xa1\x61x\x7f\x61"
                                          "a\xff")},
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("\xa1\x6aparameters\x80")},
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("\xa1\x6aparameters\xa1\x61x\x01")},
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("\xa1\x6aparameters\xa2\x61x\x60\x61x\x60")},
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("\xa2\x6aparameters\xa0\x6aparameters\xa0")},
        {MRL_PROVISION_CBOR, MRL_LIT_INIT("\xa1\x78\x19"
                                          "certificateSigningRequest\x41x")}, /* bytes */
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(wrong); i++) {
        struct mrl_provision_message m = {0};

        if (read(wrong[i].format, wrong[i].payload, &m) == MRL_OK)
            fail_msg("taken: %zu", i);
        assert_null(m.json);
    }
}

/* {"parameters": {"n0": "", ...}} or {"n0": "", ...} */
static void write_many(enum mrl_provision_format format, bool parameters, unsigned count,
                       struct mrl_buf *out)
{
    uint8_t memory[1024];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    bool json = format == MRL_PROVISION_JSON;

    if (parameters && json)
        mrl_put_text(&w, "{\"parameters\":");
    if (parameters && !json) {
        mrl_cbor_put_map(&w, 1);
        mrl_cbor_put_text(&w, MRL_LIT("parameters"));
    }
    if (json)
        mrl_put_text(&w, "{");
    else
        mrl_cbor_put_map(&w, count);
    for (unsigned i = 0; i < count; i++) {
        char name[8];

        (void)snprintf(name, sizeof(name), "n%u", i);
        if (json) {
            mrl_put_text(&w, "%s\"%s\":\"\"", i > 0 ? "," : "", name);
        } else {
            mrl_cbor_put_text(&w, mrl_str(name));
            mrl_cbor_put_text(&w, MRL_BYTES_NONE);
        }
    }
    if (json)
        mrl_put_text(&w, parameters ? "}}" : "}");
    assert_false(w.overflow);
    assert_ok(mrl_buf_append(out, mrl_bytes_of(memory, w.len)));
}

static mrl_err read_many(enum mrl_provision_format format, bool parameters, unsigned count)
{
    MRL_SCOPED(mrl_provision_message) m = {0};
    MRL_SCOPED(mrl_buf) payload = {0};

    write_many(format, parameters, count, &payload);
    return read(format, mrl_buf_bytes(&payload), &m);
}

static void it_has_as_much_as_the_limits_allow_and_no_more(void **state)
{
    (void)state;
    for (int f = 0; f < MRL_PROVISION_FORMAT_COUNT_; f++) {
        enum mrl_provision_format format = (enum mrl_provision_format)f;

        assert_ok(read_many(format, /*parameters=*/true, MRL_TEMPLATE_PARAMETERS_MAX));
        assert_int_equal(read_many(format, /*parameters=*/true, MRL_TEMPLATE_PARAMETERS_MAX + 1),
                         MRL_ERR_LIMIT);
        assert_ok(read_many(format, /*parameters=*/false, MRL_PROVISION_MEMBERS_MAX));
        assert_int_equal(read_many(format, /*parameters=*/false, MRL_PROVISION_MEMBERS_MAX + 1),
                         MRL_ERR_LIMIT);
    }
}

static void a_message_is_as_long_as_the_limit_allows_and_no_longer(void **state)
{
    static uint8_t text[MRL_PROVISION_MESSAGE_MAX + 1];
    struct mrl_writer w = mrl_writer_on(text, sizeof(text));
    MRL_SCOPED(mrl_provision_message) m = {0};
    MRL_SCOPED(mrl_provision_message) cbor = {0};
    size_t left;

    (void)state;
    memset(text, ' ', sizeof(text));
    text[0] = '{';
    text[1] = '}';
    assert_ok(read(MRL_PROVISION_JSON, mrl_bytes_of(text, MRL_PROVISION_MESSAGE_MAX), &m));
    assert_int_equal(
        read(MRL_PROVISION_JSON, mrl_bytes_of(text, MRL_PROVISION_MESSAGE_MAX + 1), &m),
        MRL_ERR_LIMIT);
    mrl_cbor_put_map(&w, 1);
    mrl_cbor_put_text(&w, MRL_LIT("x"));
    left = MRL_PROVISION_MESSAGE_MAX - w.len - 3;
    memset(&text[w.len + 3], 'x', left);
    mrl_put_u8(&w, 0x79); /* a text with a length of two bytes */
    mrl_put_u16(&w, (uint16_t)left);
    assert_ok(read(MRL_PROVISION_CBOR, mrl_bytes_of(text, MRL_PROVISION_MESSAGE_MAX), &cbor));
    assert_int_equal(
        read(MRL_PROVISION_CBOR, mrl_bytes_of(text, MRL_PROVISION_MESSAGE_MAX + 1), &cbor),
        MRL_ERR_LIMIT);
}

static void answers_are_written_in_both_formats(void **state)
{
    MRL_AUTO(json_t) texts = mrl_json_object();
    MRL_SCOPED(mrl_buf) json = {0};
    MRL_SCOPED(mrl_buf) cbor = {0};
    MRL_SCOPED(mrl_buf) error = {0};
    const struct mrl_offer offer = {.window = {20, 30}};
    const struct mrl_provision_told told = {10, &offer}, bare = {.time_s = 10};
    const struct mrl_provision_error no = {403, "No", "why", 0};

    (void)state;
    assert_ok(mrl_json_set_str(texts, "a", MRL_LIT("1")));
    assert_ok(mrl_provision_write_thing(MRL_PROVISION_JSON, MRL_LIT("m-1"), texts, &told, &json));
    assert_bytes_equal(
        mrl_buf_bytes(&json),
        MRL_LIT("{\"deviceConfiguration\":{\"a\":\"1\"},\"renewalEnd\":30,\"renewalGrace\":0,"
                "\"renewalStart\":20,\"serverTime\":10,\"thingName\":\"m-1\"}"));
    assert_ok(mrl_provision_write_thing(MRL_PROVISION_CBOR, MRL_LIT("m-1"), texts, &bare, &cbor));
    assert_bytes_equal(mrl_buf_bytes(&cbor), MRL_LIT("\xa3\x73"
                                                     "deviceConfiguration\xa1\x61"
                                                     "a\x61"
                                                     "1\x69"
                                                     "thingName\x63"
                                                     "m-1\x6a"
                                                     "serverTime\x0a"));
    assert_ok(mrl_provision_write_error(MRL_PROVISION_CBOR, &no, &error));
    assert_bytes_equal(mrl_buf_bytes(&error), MRL_LIT("\xa3\x6a"
                                                      "statusCode\x19\x01\x93\x69"
                                                      "errorCode\x62"
                                                      "No\x6c"
                                                      "errorMessage\x63"
                                                      "why"));
}

static void a_rejection_says_when_to_come_again(void **state)
{
    const struct mrl_provision_error busy = {503, "Busy", "later", 600};
    MRL_SCOPED(mrl_buf) json = {0};

    (void)state;
    assert_ok(mrl_provision_write_error(MRL_PROVISION_JSON, &busy, &json));
    assert_bytes_equal(mrl_buf_bytes(&json),
                       MRL_LIT("{\"errorCode\":\"Busy\",\"errorMessage\":\"later\","
                               "\"retryAfter\":600,\"statusCode\":503}"));
}

static void a_format_is_the_last_level_of_the_topic(void **state)
{
    enum mrl_provision_format format = MRL_PROVISION_JSON;

    (void)state;
    assert_true(mrl_provision_format_parse(MRL_LIT("cbor"), &format));
    assert_int_equal(format, MRL_PROVISION_CBOR);
    assert_false(mrl_provision_format_parse(MRL_LIT("CBOR"), &format));
    assert_false(mrl_provision_format_parse(MRL_LIT(""), &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_formats_say_the_same),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(it_has_as_much_as_the_limits_allow_and_no_more),
        cmocka_unit_test(a_message_is_as_long_as_the_limit_allows_and_no_longer),
        cmocka_unit_test(answers_are_written_in_both_formats),
        cmocka_unit_test(a_rejection_says_when_to_come_again),
        cmocka_unit_test(a_format_is_the_last_level_of_the_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
