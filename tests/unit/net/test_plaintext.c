/* SPDX-License-Identifier: Apache-2.0 */
#include "net/plaintext.h"

#include "base/attr.h"
#include "tests/unit/unit.h"

static void each_protocol_is_answered_in_its_own_words(void **state)
{
    static const struct {
        mrl_bytes first;
        mrl_bytes answer;
    } rows[] = {
        {MRL_LIT_INIT("\x10\x0e\0\4MQTT\4\2"), MRL_LIT_INIT("\x20\x02\x00\x05")},
        {MRL_LIT_INIT("\x10\x0e\0\4MQTT\5\2"), MRL_LIT_INIT("\x20\x03\x00\x87\x00")},
        {MRL_LIT_INIT("\x10\x0e\0\4MQTT"), MRL_LIT_INIT("\x20\x02\x00\x05")}, /* level not there */
        {MRL_LIT_INIT("\x10"), MRL_LIT_INIT("\x20\x02\x00\x05")},
        {MRL_LIT_INIT("GET"), MRL_LIT_INIT("")},
        {MRL_LIT_INIT("SSH-2.0-x"), MRL_LIT_INIT("")},
        {MRL_LIT_INIT(""), MRL_LIT_INIT("")},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++)
        assert_bytes_equal(mrl_plaintext_answer(rows[i].first), rows[i].answer);
}

static void the_http_answer_has_the_length_it_states(void **state)
{
    mrl_bytes answer = mrl_plaintext_answer(MRL_LIT("POST /.well-known/est")), head, body;
    uint64_t length;

    (void)state;
    for (body = answer; !mrl_bytes_starts(body, MRL_LIT("\r\n\r\n"));)
        body = mrl_bytes_sub(body, 1, body.len);
    body = mrl_bytes_sub(body, 4, body.len);
    for (head = answer; !mrl_bytes_starts(head, MRL_LIT("Content-Length: "));)
        head = mrl_bytes_sub(head, 1, head.len);
    head = mrl_bytes_sub(head, sizeof("Content-Length: ") - 1, 2);
    assert_true(mrl_bytes_to_u64(head, 100, &length));
    assert_int_equal(body.len, length);
}

static void only_a_handshake_record_is_tls(void **state)
{
    (void)state;
    assert_true(mrl_plaintext_is_tls(MRL_LIT("\x16\x03\x01")));
    assert_false(mrl_plaintext_is_tls(MRL_LIT("\x15\x03\x01")));
    assert_false(mrl_plaintext_is_tls(MRL_LIT("\x80\x2e\x01"))); /* SSL 2 */
    assert_false(mrl_plaintext_is_tls(MRL_BYTES_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_protocol_is_answered_in_its_own_words),
        cmocka_unit_test(the_http_answer_has_the_length_it_states),
        cmocka_unit_test(only_a_handshake_record_is_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
