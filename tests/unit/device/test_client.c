/* SPDX-License-Identifier: Apache-2.0 */
#include "merlon/client.h"

#include <string.h>

#include "tests/unit/unit.h"
#include "wire/mqtt.h"

enum { SIZE = 256 };

/* A server whose bytes are written down beforehand. */
struct script {
    mrl_bytes in;
    size_t piece;   /* bytes a read gives at most */
    size_t accepts; /* bytes that can be written in all */
    enum merlon_status at_end;
    uint8_t sent[1024];
    size_t sent_len;
    unsigned messages, answers, connects;
    uint16_t answered;
    uint8_t reason;
    bool session;
    struct merlon_client client;
    struct merlon_client_config config;
    uint8_t in_buffer[SIZE], out_buffer[SIZE];
};

static enum merlon_status on_read(void *context, void *to, size_t cap, size_t *done)
{
    struct script *s = context;
    size_t n = s->in.len < cap ? s->in.len : cap;

    n = n < s->piece ? n : s->piece;
    if (n == 0)
        return s->at_end;
    memcpy(to, s->in.data, n);
    s->in = mrl_bytes_sub(s->in, n, s->in.len);
    *done = n;
    return MERLON_OK;
}

static enum merlon_status on_write(void *context, const void *from, size_t len, size_t *done)
{
    struct script *s = context;
    size_t n = len < s->accepts ? len : s->accepts;

    if (n == 0)
        return MERLON_AGAIN;
    assert_true(s->sent_len + n <= sizeof(s->sent));
    memcpy(&s->sent[s->sent_len], from, n);
    s->sent_len += n;
    s->accepts -= n;
    *done = n;
    return MERLON_OK;
}

static void on_connected(void *context, bool session_present)
{
    struct script *s = context;

    s->connects++;
    s->session = session_present;
}

static void on_message(void *context, const struct merlon_message *m)
{
    struct script *s = context;

    assert_true(m->topic_len > 0);
    s->messages++;
}

static void on_acknowledged(void *context, uint16_t packet_id, uint8_t reason)
{
    struct script *s = context;

    s->answers++;
    s->answered = packet_id;
    s->reason = reason;
}

static void begin(struct script *s, mrl_bytes in, size_t piece)
{
    memset(s, 0, sizeof(*s));
    s->in = in;
    s->piece = piece;
    s->accepts = sizeof(s->sent);
    s->at_end = MERLON_AGAIN;
    s->config = (struct merlon_client_config){
        .transport = {s, on_read, on_write},
        .events = {s, on_connected, on_message, on_acknowledged},
        .in = s->in_buffer,
        .in_size = SIZE,
        .out = s->out_buffer,
        .out_size = SIZE,
        .client_id = "d",
        .keep_alive_s = 30,
    };
    assert_int_equal(merlon_client_init(&s->client, &s->config), MERLON_OK);
    assert_int_equal(merlon_client_connect(&s->client, /*clean_start=*/true, 1000), MERLON_OK);
}

static enum merlon_status drive(struct script *s, uint64_t now)
{
    enum merlon_status status;

    do {
        status = merlon_client_step(&s->client, now);
    } while (status == MERLON_OK);
    return status;
}

#define CONNACK "\x20\x03\x00\x00\x00"

static void opens_with_clean_start_and_our_packet_limit(void **state)
{
    struct script s;

    (void)state;
    for (size_t piece = 1; piece < 6; piece++) {
        begin(&s, MRL_LIT(CONNACK), piece);
        assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
        assert_int_equal(merlon_client_state(&s.client), MERLON_CLIENT_OPEN);
        assert_int_equal(s.connects, 1);
        assert_false(s.session);
        assert_bytes_equal(mrl_bytes_of(s.sent, s.sent_len),
                           MRL_LIT("\x10\x13\x00\x04MQTT\x05\x02\x00\x1e\x05\x27\x00\x00\x01\x00"
                                   "\x00\x01"
                                   "d"));
    }
}

static void what_a_server_may_not_say_ends_the_connection(void **state)
{
    static const struct {
        mrl_bytes in;
        enum merlon_status status;
        uint8_t reason;
    } cases[] = {
        {MRL_LIT_INIT("\x20\x03\x00\x87\x00"), MERLON_REFUSED, 0x87},
        {MRL_LIT_INIT("\xd0\x00"), MERLON_PROTOCOL, 0x82}, /* before CONNACK */
        {MRL_LIT_INIT(CONNACK CONNACK), MERLON_PROTOCOL, 0x82},
        {MRL_LIT_INIT(CONNACK "\xe0\x02\x8e\x00"), MERLON_REFUSED, 0x8e},
        {MRL_LIT_INIT(CONNACK "\xc0\x00"), MERLON_PROTOCOL, 0x82}, /* PINGREQ of a server */
        {MRL_LIT_INIT(CONNACK "\x00\x00"), MERLON_PROTOCOL, 0x81},
        {MRL_LIT_INIT(CONNACK "\x30\x82\x02"), MERLON_PROTOCOL, 0x95}, /* over our limit */
        {MRL_LIT_INIT(CONNACK "\x34\x06\x00\x01t\x00\x01\x00"), MERLON_PROTOCOL, 0x9b}, /* QoS 2 */
        {MRL_LIT_INIT(CONNACK "\x30\x07\x00\x01t\x03\x23\x00\x01"), MERLON_PROTOCOL, 0x94},
        {MRL_LIT_INIT(CONNACK "\x30\x04\x00\x01#\x00"), MERLON_PROTOCOL, 0x90},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct script s;

        begin(&s, cases[i].in, SIZE);
        assert_int_equal(drive(&s, 1000), cases[i].status);
        assert_int_equal(merlon_client_reason(&s.client), cases[i].reason);
        assert_int_equal(merlon_client_state(&s.client), MERLON_CLIENT_IDLE);
        assert_int_equal(merlon_client_step(&s.client, 1000), MERLON_STATE);
    }
}

static const struct merlon_message reading = {"t", 1, "x", 1, 1, false};

static void publishes_and_hears_the_acknowledgement_once(void **state)
{
    struct script s;
    uint16_t id = 0;

    (void)state;
    begin(&s, MRL_LIT(CONNACK), SIZE);
    assert_int_equal(merlon_client_publish(&s.client, &reading, &id), MERLON_STATE);
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_int_equal(merlon_client_publish(&s.client, &reading, &id), MERLON_OK);
    assert_int_equal(id, 1);
    s.in = MRL_LIT("\x40\x02\x00\x01\x40\x02\x00\x01\x40\x02\x00\x09");
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_int_equal(s.answers, 1);
    assert_int_equal(s.answered, 1);
    assert_true(mrl_bytes_ends(mrl_bytes_of(s.sent, s.sent_len),
                               MRL_LIT("\x32\x07\x00\x01t\x00\x01\x00x")));
}

static void sends_again_with_dup_and_the_same_id(void **state)
{
    struct script s;

    (void)state;
    begin(&s, MRL_LIT("\x20\x03\x01\x00\x00"), SIZE);
    s.config.client_id = "d";
    assert_int_equal(merlon_client_connect(&s.client, /*clean_start=*/false, 1000), MERLON_OK);
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_true(s.session);
    assert_int_equal(merlon_client_publish_again(&s.client, &reading, 7), MERLON_OK);
    assert_int_equal(merlon_client_publish_again(&s.client, &reading, 7), MERLON_INVALID);
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_true(mrl_bytes_ends(mrl_bytes_of(s.sent, s.sent_len),
                               MRL_LIT("\x3a\x07\x00\x01t\x00\x07\x00x")));
}

static void keeps_to_the_receive_maximum_of_the_server(void **state)
{
    struct script s;
    uint16_t id;

    (void)state;
    begin(&s, MRL_LIT("\x20\x06\x00\x00\x03\x21\x00\x02"), SIZE);
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_int_equal(merlon_client_publish(&s.client, &reading, &id), MERLON_OK);
    assert_int_equal(merlon_client_publish(&s.client, &reading, &id), MERLON_OK);
    assert_int_equal(merlon_client_publish(&s.client, &reading, &id), MERLON_FULL);
    s.in = MRL_LIT("\x40\x02\x00\x01");
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_int_equal(merlon_client_publish(&s.client, &reading, &id), MERLON_OK);
}

static void sizes_are_limited_by_buffer_and_server(void **state)
{
    struct merlon_message m = {"t", 1, NULL, 0, 0, false};
    uint8_t payload[SIZE] = {0};
    struct script s;

    (void)state;
    begin(&s, MRL_LIT("\x20\x08\x00\x00\x05\x27\x00\x00\x00\x10"), SIZE); /* at most 16 bytes */
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    m.payload = payload;
    m.payload_len = 10; /* 16 in all */
    assert_int_equal(merlon_client_publish(&s.client, &m, NULL), MERLON_OK);
    m.payload_len = 11;
    assert_int_equal(merlon_client_publish(&s.client, &m, NULL), MERLON_TOO_LARGE);
}

static void message_with_qos_1_is_shown_and_acknowledged_once(void **state)
{
    struct script s;

    (void)state;
    begin(&s, MRL_LIT(CONNACK "\x32\x07\x00\x01t\x00\x05\x00x"), 1);
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_int_equal(s.messages, 1);
    assert_true(mrl_bytes_ends(mrl_bytes_of(s.sent, s.sent_len), MRL_LIT("\x40\x02\x00\x05")));
}

/* 100 messages, and a transport that takes nothing for a while: none is lost or shown twice. */
static void messages_wait_for_room_for_their_acknowledgements(void **state)
{
    uint8_t many[5 + 100 * 9];
    struct script s;

    (void)state;
    memcpy(many, CONNACK, 5); /* NOLINT(bugprone-not-null-terminated-result): bytes, no text */
    for (size_t i = 0; i < 100; i++) {
        /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes, no text */
        memcpy(&many[5 + i * 9], "\x32\x07\x00\x01t\x00\x05\x00x", 9);
        many[5 + i * 9 + 6] = (uint8_t)(i + 1);
    }
    begin(&s, mrl_bytes_of(many, sizeof(many)), SIZE);
    s.accepts = 21; /* CONNECT */
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_in_range(s.messages, 1, 99);
    assert_true(merlon_client_wants_write(&s.client));
    s.accepts = sizeof(s.sent);
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_int_equal(s.messages, 100);
    assert_int_equal(s.sent_len, 21 + 100 * 4);
}

static void silence_ends_in_a_ping_and_then_in_a_timeout(void **state)
{
    struct script s;

    (void)state;
    begin(&s, MRL_LIT(CONNACK), SIZE);
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_int_equal(merlon_client_wait_ms(&s.client, 1000), 22500);
    assert_int_equal(drive(&s, 23499), MERLON_AGAIN);
    assert_int_equal(s.sent_len, 21);
    assert_int_equal(drive(&s, 23500), MERLON_AGAIN);
    assert_true(mrl_bytes_ends(mrl_bytes_of(s.sent, s.sent_len), MRL_LIT("\xc0\x00")));
    assert_int_equal(drive(&s, 33499), MERLON_AGAIN);
    assert_int_equal(drive(&s, 33500), MERLON_TIMEOUT);
}

static void the_servers_keep_alive_replaces_its_own(void **state)
{
    struct script s;

    (void)state;
    begin(&s, MRL_LIT("\x20\x06\x00\x00\x03\x13\x00\x04"), SIZE);
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_int_equal(merlon_client_wait_ms(&s.client, 1000), 3000);
    assert_int_equal(drive(&s, 4000), MERLON_AGAIN);
    assert_true(mrl_bytes_ends(mrl_bytes_of(s.sent, s.sent_len), MRL_LIT("\xc0\x00")));
}

static void what_the_server_does_not_take_is_not_sent(void **state)
{
    const struct merlon_message retained = {"t", 1, "x", 1, 0, true}, qos1 = {"t", 1, "x", 1, 1};
    struct script s;
    uint16_t id;

    (void)state;
    begin(&s, MRL_LIT("\x20\x07\x00\x00\x04\x24\x00\x25\x00"), SIZE);
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_int_equal(merlon_client_publish(&s.client, &qos1, &id), MERLON_INVALID);
    assert_int_equal(merlon_client_publish(&s.client, &retained, NULL), MERLON_INVALID);
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_int_equal(s.sent_len, 21);
}

static void a_session_it_did_not_ask_for_ends_the_connection(void **state)
{
    struct script s;

    (void)state;
    begin(&s, MRL_LIT("\x20\x03\x01\x00\x00"), SIZE);
    assert_int_equal(drive(&s, 1000), MERLON_PROTOCOL);
    assert_int_equal(s.connects, 0);
}

static void no_connack_is_a_timeout(void **state)
{
    struct script s;

    (void)state;
    begin(&s, MRL_BYTES_NONE, SIZE);
    assert_int_equal(drive(&s, 10999), MERLON_AGAIN);
    assert_int_equal(drive(&s, 11000), MERLON_TIMEOUT);
}

static void last_word_counts_more_than_the_end_of_the_transport(void **state)
{
    struct script s;

    (void)state;
    begin(&s, MRL_LIT(CONNACK "\xe0\x02\x98\x00"), SIZE);
    s.at_end = MERLON_CLOSED;
    assert_int_equal(drive(&s, 1000), MERLON_REFUSED);
    assert_int_equal(merlon_client_reason(&s.client), 0x98);
    begin(&s, MRL_LIT(CONNACK), SIZE);
    s.at_end = MERLON_CLOSED;
    assert_int_equal(drive(&s, 1000), MERLON_CLOSED);
}

static void says_good_bye(void **state)
{
    struct script s;

    (void)state;
    begin(&s, MRL_LIT(CONNACK), SIZE);
    assert_int_equal(drive(&s, 1000), MERLON_AGAIN);
    assert_int_equal(merlon_client_disconnect(&s.client, 1000), MERLON_OK);
    assert_int_equal(merlon_client_step(&s.client, 1000), MERLON_AGAIN);
    assert_false(merlon_client_wants_write(&s.client));
    assert_true(mrl_bytes_ends(mrl_bytes_of(s.sent, s.sent_len), MRL_LIT("\xe0\x00")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_with_clean_start_and_our_packet_limit),
        cmocka_unit_test(what_a_server_may_not_say_ends_the_connection),
        cmocka_unit_test(a_session_it_did_not_ask_for_ends_the_connection),
        cmocka_unit_test(what_the_server_does_not_take_is_not_sent),
        cmocka_unit_test(the_servers_keep_alive_replaces_its_own),
        cmocka_unit_test(publishes_and_hears_the_acknowledgement_once),
        cmocka_unit_test(sends_again_with_dup_and_the_same_id),
        cmocka_unit_test(keeps_to_the_receive_maximum_of_the_server),
        cmocka_unit_test(sizes_are_limited_by_buffer_and_server),
        cmocka_unit_test(message_with_qos_1_is_shown_and_acknowledged_once),
        cmocka_unit_test(messages_wait_for_room_for_their_acknowledgements),
        cmocka_unit_test(silence_ends_in_a_ping_and_then_in_a_timeout),
        cmocka_unit_test(no_connack_is_a_timeout),
        cmocka_unit_test(last_word_counts_more_than_the_end_of_the_transport),
        cmocka_unit_test(says_good_bye),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
