/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/envelope.h"

#include <string.h>

#include "tests/unit/unit.h"

static const struct mrl_publication full = {
    .topic = MRL_LIT_INIT("a/b"),
    .payload = MRL_LIT_INIT("payload"),
    .content_type = MRL_LIT_INIT("text/plain"),
    .response_topic = MRL_LIT_INIT("r"),
    .correlation_data = MRL_LIT_INIT("\0\1"),
    .user_properties = MRL_LIT_INIT("\x26\0\1a\0\1b"),
    .owner = MRL_LIT_INIT("\1pump-7"),
    .has_content_type = true,
    .has_correlation_data = true,
    .has_payload_format = true,
    .payload_format = 1,
    .qos = 2,
    .retain = true,
};

static void assert_same(const struct mrl_publication *a, const struct mrl_publication *b)
{
    assert_bytes_equal(a->topic, b->topic);
    assert_bytes_equal(a->payload, b->payload);
    assert_bytes_equal(a->content_type, b->content_type);
    assert_bytes_equal(a->response_topic, b->response_topic);
    assert_bytes_equal(a->correlation_data, b->correlation_data);
    assert_bytes_equal(a->user_properties, b->user_properties);
    assert_bytes_equal(a->owner, b->owner);
    assert_int_equal(a->has_content_type, b->has_content_type);
    assert_int_equal(a->has_correlation_data, b->has_correlation_data);
    assert_int_equal(a->has_payload_format, b->has_payload_format);
    assert_int_equal(a->payload_format, b->payload_format);
    assert_int_equal(a->qos, b->qos);
    assert_int_equal(a->retain, b->retain);
}

static void assert_round_trip(const struct mrl_publication *p)
{
    MRL_SCOPED(mrl_buf) bytes = {0};
    struct mrl_publication back;

    assert_ok(mrl_envelope_write(p, &bytes));
    assert_ok(mrl_envelope_read(mrl_buf_bytes(&bytes), &back));
    assert_same(&back, p);
}

static void everything_comes_back(void **state)
{
    struct mrl_publication p = {.topic = MRL_LIT("t")};

    (void)state;
    assert_round_trip(&full);
    assert_round_trip(&p);
    p.has_payload_format = true;
    assert_round_trip(&p);
    p.has_content_type = true; /* and empty */
    assert_round_trip(&p);
    p.qos = 1;
    p.has_correlation_data = true;
    assert_round_trip(&p);
}

static void a_cut_envelope_is_refused_or_has_less_payload(void **state)
{
    MRL_SCOPED(mrl_buf) bytes = {0};
    struct mrl_publication back;
    size_t head;

    (void)state;
    assert_ok(mrl_envelope_write(&full, &bytes));
    head = bytes.len - full.payload.len;
    for (size_t len = 0; len < bytes.len; len++) {
        mrl_err err = mrl_envelope_read(mrl_bytes_of(bytes.data, len), &back);

        assert_int_equal(err, len < head ? MRL_ERR_MALFORMED : MRL_OK);
    }
}

static void versions_flags_and_empty_topics_are_judged(void **state)
{
    MRL_SCOPED(mrl_buf) bytes = {0};
    const struct mrl_publication no_topic = {.payload = MRL_LIT("x")};
    struct mrl_publication back;

    (void)state;
    assert_ok(mrl_envelope_write(&full, &bytes));
    bytes.data[0]++;
    assert_int_equal(mrl_envelope_read(mrl_buf_bytes(&bytes), &back), MRL_ERR_UNSUPPORTED);
    bytes.data[0]--;
    bytes.data[1] = 3; /* QoS 3 */
    assert_int_equal(mrl_envelope_read(mrl_buf_bytes(&bytes), &back), MRL_ERR_MALFORMED);
    bytes.data[1] = 0x10; /* a format without a format */
    assert_int_equal(mrl_envelope_read(mrl_buf_bytes(&bytes), &back), MRL_ERR_MALFORMED);
    mrl_buf_clear(&bytes);
    assert_ok(mrl_envelope_write(&no_topic, &bytes));
    assert_int_equal(mrl_envelope_read(mrl_buf_bytes(&bytes), &back), MRL_ERR_MALFORMED);
}

static void a_part_holds_65535_bytes_and_not_one_more(void **state)
{
    static uint8_t much[UINT16_MAX + 1];
    MRL_SCOPED(mrl_buf) bytes = {0};
    struct mrl_publication p = {.topic = mrl_bytes_of(much, UINT16_MAX)};

    (void)state;
    assert_round_trip(&p);
    p.topic.len++;
    assert_int_equal(mrl_envelope_write(&p, &bytes), MRL_ERR_LIMIT);
    assert_int_equal(bytes.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(a_cut_envelope_is_refused_or_has_less_payload),
        cmocka_unit_test(versions_flags_and_empty_topics_are_judged),
        cmocka_unit_test(a_part_holds_65535_bytes_and_not_one_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
