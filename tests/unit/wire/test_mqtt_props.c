/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_props.h"

#include "tests/unit/wire/mqtt_case.h"
#include "wire/mqtt_codec.h"

/* Table 2-4 of the specification, written anew: one good and one bad encoding of each property, and
 * where it may stand. w: the will. */
static const struct {
    enum mrl_mqtt_prop id;
    mrl_bytes good;
    mrl_bytes bad; /* a value that is not allowed; empty: every value is */
    uint32_t where;
} props[] = {
#define P(type) (1u << MRL_MQTT_##type)
#define WILL 1u
#define ALL (0xfffeu & ~P(PINGREQ) & ~P(PINGRESP)) | WILL
#define REASONED                                                                             \
    (P(CONNACK) | P(PUBACK) | P(PUBREC) | P(PUBREL) | P(PUBCOMP) | P(SUBACK) | P(UNSUBACK) | \
     P(DISCONNECT) | P(AUTH))
    {0x01, BYTES("\x01\x01"), BYTES("\x01\x02"), P(PUBLISH) | WILL},
    {0x02, BYTES("\x02\x00\x00\x00\x00"), BYTES(""), P(PUBLISH) | WILL},
    {0x03, BYTES("\x03\x00\x01t"), BYTES("\x03\x00\x01\xff"), P(PUBLISH) | WILL},
    {0x08, BYTES("\x08\x00\x01t"), BYTES("\x08\x00\x01#"), P(PUBLISH) | WILL},
    {0x09, BYTES("\x09\x00\x01\x00"), BYTES(""), P(PUBLISH) | WILL},
    {0x0b, BYTES("\x0b\xff\xff\xff\x7f"), BYTES("\x0b\x00"), P(PUBLISH) | P(SUBSCRIBE)},
    {0x11, BYTES("\x11\xff\xff\xff\xff"), BYTES(""), P(CONNECT) | P(CONNACK) | P(DISCONNECT)},
    {0x12,
     BYTES("\x12\x00\x01"
           "a"),
     BYTES("\x12\x00\x01\x00"), P(CONNACK)},
    {0x13, BYTES("\x13\x00\x00"), BYTES(""), P(CONNACK)},
    {0x15, BYTES("\x15\x00\x01m"), BYTES("\x15\x00\x01\x80"), P(CONNECT) | P(CONNACK) | P(AUTH)},
    {0x17, BYTES("\x17\x00"), BYTES("\x17\x02"), P(CONNECT)},
    {0x18, BYTES("\x18\x00\x00\x00\x01"), BYTES(""), WILL},
    {0x19, BYTES("\x19\x01"), BYTES("\x19\xff"), P(CONNECT)},
    {0x1a, BYTES("\x1a\x00\x01i"), BYTES("\x1a\x00\x02\xc0\x80"), P(CONNACK)},
    {0x1c, BYTES("\x1c\x00\x01s"), BYTES("\x1c\x00\x03\xed\xbf\xbf"), P(CONNACK) | P(DISCONNECT)},
    {0x1f, BYTES("\x1f\x00\x01r"), BYTES("\x1f\x00\x01\xfe"), REASONED},
    {0x21, BYTES("\x21\x00\x01"), BYTES("\x21\x00\x00"), P(CONNECT) | P(CONNACK)},
    {0x22, BYTES("\x22\x00\x00"), BYTES(""), P(CONNECT) | P(CONNACK)},
    {0x23, BYTES("\x23\xff\xff"), BYTES("\x23\x00\x00"), P(PUBLISH)},
    {0x24, BYTES("\x24\x01"), BYTES("\x24\x02"), P(CONNACK)},
    {0x25, BYTES("\x25\x00"), BYTES("\x25\x02"), P(CONNACK)},
    {0x26, BYTES("\x26\x00\x01k\x00\x01v"), BYTES("\x26\x00\x01k\x00\x01\xff"), ALL},
    {0x27, BYTES("\x27\x00\x00\x00\x01"), BYTES("\x27\x00\x00\x00\x00"), P(CONNECT) | P(CONNACK)},
    {0x28, BYTES("\x28\x00"), BYTES("\x28\x02"), P(CONNACK)},
    {0x29, BYTES("\x29\x00"), BYTES("\x29\x02"), P(CONNACK)},
    {0x2a, BYTES("\x2a\x00"), BYTES("\x2a\x02"), P(CONNACK)},
    /* 0x16 needs its method: not among those read alone, see below */
};

/* Reads a property block as it would stand at that place, from the side that may send it. */
static mrl_err read_at(unsigned where, mrl_bytes block, struct mrl_mqtt_props *out,
                       struct mrl_mqtt_fault *fault)
{
    static uint8_t memory[1 << 17];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes bytes;
    mrl_err err = MRL_ERR_STATE;

    mrl_mqtt_put_varint(&w, (uint32_t)block.len);
    mrl_put_bytes(&w, block);
    assert_ok(mrl_writer_end(&w, &bytes));
    for (int from = MRL_MQTT_FROM_CLIENT; from <= MRL_MQTT_FROM_SERVER && err != MRL_OK; from++) {
        struct mrl_mqtt_in in = {{bytes, 0}, V5, (enum mrl_mqtt_from)from, .fault = fault};

        err = mrl_mqtt_in_props(&in, where, out);
    }
    return err;
}

static mrl_bytes joined(mrl_bytes a, mrl_bytes b, uint8_t *memory, size_t cap)
{
    struct mrl_writer w = mrl_writer_on(memory, cap);
    mrl_bytes out;

    mrl_put_bytes(&w, a);
    mrl_put_bytes(&w, b);
    assert_ok(mrl_writer_end(&w, &out));
    return out;
}

static void a_property_stands_only_where_it_may(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(props); i++) {
        for (unsigned where = 0; where < MRL_MQTT_TYPES_; where++) {
            struct mrl_mqtt_fault fault = {0};
            struct mrl_mqtt_props p;
            bool may = (props[i].where >> where & 1) != 0;
            mrl_err err = read_at(where, props[i].good, &p, &fault);

            if ((err == MRL_OK) != may || (!may && fault.reason != MRL_MQTT_MALFORMED_PACKET))
                fail_msg("property 0x%02x in %u: %s %s", props[i].id, where, mrl_err_name(err),
                         fault.text);
            if (may)
                assert_true(p.present == (uint64_t)1 << props[i].id);
        }
    }
}

static unsigned first_place(uint32_t where)
{
    unsigned at = 0;

    while ((where >> at & 1) == 0)
        at++;
    return at;
}

static void a_property_is_refused_twice_cut_or_with_a_bad_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(props); i++) {
        bool repeats =
            props[i].id == MRL_MQTT_PROP_USER || props[i].id == MRL_MQTT_PROP_SUBSCRIPTION_ID;
        unsigned where = first_place(props[i].where);
        struct mrl_mqtt_fault fault = {0};
        struct mrl_mqtt_props p;
        uint8_t memory[64];
        mrl_bytes twice = joined(props[i].good, props[i].good, memory, sizeof(memory));

        if ((read_at(where, twice, &p, &fault) == MRL_OK) != repeats)
            fail_msg("property 0x%02x twice", props[i].id);
        for (size_t len = 1; len < props[i].good.len; len++)
            if (read_at(where, mrl_bytes_sub(props[i].good, 0, len), &p, &fault) == MRL_OK)
                fail_msg("property 0x%02x cut to %zu", props[i].id, len);
        if (props[i].bad.len > 0 && read_at(where, props[i].bad, &p, &fault) == MRL_OK)
            fail_msg("property 0x%02x with a bad value", props[i].id);
    }
}

static void unknown_identifiers_are_malformed(void **state)
{
    (void)state;
    for (unsigned id = 0; id <= 0x7f; id++) {
        uint8_t bytes[8] = {(uint8_t)id, 0, 1, 'a', 0, 1, 'b'};
        struct mrl_mqtt_fault fault = {0};
        struct mrl_mqtt_props p;
        bool known = id == MRL_MQTT_PROP_AUTH_DATA;

        for (size_t i = 0; i < MRL_COUNT(props); i++)
            known |= props[i].id == id;
        if (known)
            continue;
        assert_int_equal(read_at(MRL_MQTT_CONNACK, mrl_bytes_of(bytes, 7), &p, &fault),
                         MRL_ERR_MALFORMED);
        assert_int_equal(fault.reason, MRL_MQTT_MALFORMED_PACKET);
        assert_string_equal(fault.text, "unknown property");
    }
}

static void an_identifier_or_number_in_too_many_bytes_is_refused(void **state)
{
    struct mrl_mqtt_fault fault = {0};
    struct mrl_mqtt_props p;

    (void)state;
    assert_int_equal(read_at(MRL_MQTT_PUBLISH, MRL_LIT("\x81\x00\x01"), &p, &fault),
                     MRL_ERR_MALFORMED);
    assert_string_equal(fault.statement, "MQTT-1.5.5-1");
    assert_int_equal(read_at(MRL_MQTT_SUBSCRIBE, MRL_LIT("\x0b\x81\x00"), &p, &fault),
                     MRL_ERR_MALFORMED);
    assert_string_equal(fault.statement, "MQTT-1.5.5-1");
    assert_int_equal(read_at(MRL_MQTT_SUBSCRIBE, MRL_LIT("\x0b\x80\x80\x80\x80\x01"), &p, &fault),
                     MRL_ERR_MALFORMED);
    assert_string_equal(fault.statement, "1.5.5");
}

static void authentication_data_needs_its_method(void **state)
{
    struct mrl_mqtt_fault fault = {0};
    struct mrl_mqtt_props p;

    (void)state;
    assert_int_equal(read_at(MRL_MQTT_CONNACK,
                             MRL_LIT("\x16\x00\x01"
                                     "d"),
                             &p, &fault),
                     MRL_ERR_MALFORMED);
    assert_int_equal(fault.reason, MRL_MQTT_PROTOCOL_ERROR);
    assert_ok(read_at(MRL_MQTT_CONNACK,
                      MRL_LIT("\x16\x00\x01"
                              "d\x15\x00\x01m"),
                      &p, &fault));
    assert_bytes_equal(p.auth_data, MRL_LIT("d"));
    assert_bytes_equal(p.auth_method, MRL_LIT("m"));
}

static void user_properties_keep_their_order_among_others(void **state)
{
    static const mrl_bytes block = MRL_LIT_INIT("\x26\x00\x01"
                                                "b\x00\x01"
                                                "1\x01\x01\x26\x00\x01"
                                                "a"
                                                "\x00\x00\x02\x00\x00\x00\x05\x26\x00\x01"
                                                "b\x00\x01"
                                                "2");
    static const char *const want[][2] = {{"b", "1"}, {"a", ""}, {"b", "2"}};
    struct mrl_mqtt_fault fault = {0};
    struct mrl_mqtt_cursor c;
    struct mrl_mqtt_props p;
    mrl_bytes name;
    mrl_bytes value;

    (void)state;
    assert_ok(read_at(MRL_MQTT_PUBLISH, block, &p, &fault));
    assert_int_equal(p.message_expiry, 5);
    assert_int_equal(p.payload_format, 1);
    c = mrl_mqtt_cursor_on(p.user);
    for (size_t i = 0; i < MRL_COUNT(want); i++) {
        assert_true(mrl_mqtt_user_property_next(&c, &name, &value));
        assert_bytes_equal(name, mrl_str(want[i][0]));
        assert_bytes_equal(value, mrl_str(want[i][1]));
    }
    assert_false(mrl_mqtt_user_property_next(&c, &name, &value));
}

/* Forwarding: the receiver's packet takes the user properties and nothing else of the block. */
static void forwarded_user_properties_bring_nothing_along(void **state)
{
    uint8_t memory[64];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_mqtt_props p = {
        .user = MRL_LIT("\x23\x00\x07\x26\x00\x01k\x00\x01v\x02\x00\x00\x00\x05")};

    (void)state;
    mrl_mqtt_set(&p, MRL_MQTT_PROP_USER);
    mrl_mqtt_put_props(&w, V5, &p);
    assert_written(&w, "\x07\x26\x00\x01k\x00\x01v");
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void fill_texts(struct mrl_mqtt_props *p, uint32_t *seed)
{
    static const uint8_t letters[] = "abcdefghijklmnopqrstuvwxyz\xc3\xa9";
    mrl_bytes *texts[] = {&p->content_type,         &p->response_topic,   &p->correlation_data,
                          &p->assigned_client_id,   &p->auth_method,      &p->auth_data,
                          &p->response_information, &p->server_reference, &p->reason_string};

    for (size_t i = 0; i < MRL_COUNT(texts); i++)
        *texts[i] = mrl_bytes_of(letters, 1 + next_random(seed) % 26);
}

static void fill_lists(struct mrl_mqtt_props *p, uint8_t *memory, size_t cap, uint32_t *seed)
{
    struct mrl_writer w = mrl_writer_on(memory, cap);
    mrl_bytes list;

    for (uint32_t n = 1 + next_random(seed) % 4; n > 0; n--) {
        mrl_mqtt_put_user_property(&w, p->content_type, p->reason_string);
        mrl_mqtt_put_subscription_id(&w, 1 + next_random(seed) % MRL_MQTT_MAX_REMAINING);
    }
    assert_ok(mrl_writer_end(&w, &list));
    p->user = list;
    p->subscription_ids = list;
}

static void fill_numbers(struct mrl_mqtt_props *p, uint32_t *seed)
{
    p->session_expiry = next_random(seed);
    p->will_delay = next_random(seed);
    p->message_expiry = next_random(seed);
    p->maximum_packet_size = 1 + next_random(seed);
    p->subscription_id = 1 + next_random(seed) % MRL_MQTT_MAX_REMAINING;
    p->receive_maximum = (uint16_t)(1 + next_random(seed) % UINT16_MAX);
    p->topic_alias_maximum = (uint16_t)next_random(seed);
    p->topic_alias = (uint16_t)(1 + next_random(seed) % UINT16_MAX);
    p->server_keep_alive = (uint16_t)next_random(seed);
    p->payload_format = next_random(seed) % 2;
    p->maximum_qos = next_random(seed) % 2;
    p->request_problem_info = next_random(seed) % 2 != 0;
    p->request_response_info = next_random(seed) % 2 != 0;
    p->retain_available = next_random(seed) % 2 != 0;
    p->wildcard_available = next_random(seed) % 2 != 0;
    p->subscription_id_available = next_random(seed) % 2 != 0;
    p->shared_available = next_random(seed) % 2 != 0;
}

/* Properties that may stand there, each with an even chance. */
static uint64_t choose(unsigned where, uint32_t *seed)
{
    struct mrl_mqtt_props p = {0};

    for (size_t i = 0; i < MRL_COUNT(props); i++)
        if ((props[i].where >> where & 1) != 0 && next_random(seed) % 2 == 0)
            mrl_mqtt_set(&p, props[i].id);
    if (mrl_mqtt_has(&p, MRL_MQTT_PROP_AUTH_METHOD))
        mrl_mqtt_set(&p, MRL_MQTT_PROP_AUTH_DATA);
    if (where == MRL_MQTT_DISCONNECT) /* one side or the other */
        p.present &= ~((uint64_t)1 << MRL_MQTT_PROP_SESSION_EXPIRY);
    return p.present;
}

static void round_trip(unsigned where, uint32_t *seed)
{
    uint8_t list[256];
    uint8_t first[1024];
    uint8_t second[1024];
    struct mrl_writer w1 = mrl_writer_on(first, sizeof(first));
    struct mrl_writer w2 = mrl_writer_on(second, sizeof(second));
    struct mrl_mqtt_fault fault = {0};
    struct mrl_mqtt_in in = {.version = V5, .from = SERVER, .fault = &fault};
    struct mrl_mqtt_props p = {0};
    struct mrl_mqtt_props again;
    mrl_bytes bytes;

    fill_texts(&p, seed);
    fill_numbers(&p, seed);
    fill_lists(&p, list, sizeof(list), seed);
    p.present = choose(where, seed);
    if (where == MRL_MQTT_SUBSCRIBE)
        p.subscription_ids = MRL_BYTES_NONE; /* only one, from its field */
    assert_int_equal(mrl_mqtt_check_props(V5, &p, where, SERVER), MRL_MQTT_RULE_NONE);
    mrl_mqtt_put_props(&w1, V5, &p);
    assert_ok(mrl_writer_end(&w1, &bytes));
    in.r.in = bytes;
    if (mrl_mqtt_in_props(&in, where, &again) != MRL_OK)
        fail_msg("in %u: %s", where, fault.text);
    assert_ok(mrl_reader_end(&in.r));
    assert_true(again.present == p.present);
    mrl_mqtt_put_props(&w2, V5, &again);
    assert_bytes_equal(mrl_bytes_of(second, w2.len), bytes);
    if (mrl_mqtt_has(&p, MRL_MQTT_PROP_USER))
        assert_true(same_user(p.user, again.user));
    if (mrl_mqtt_has(&p, MRL_MQTT_PROP_SUBSCRIPTION_ID) && where == MRL_MQTT_PUBLISH)
        assert_true(same_ids(p.subscription_ids, again.subscription_ids));
}

static void random_properties_survive_writing(void **state)
{
    uint32_t seed = 20261123;

    (void)state;
    for (unsigned where = 0; where < MRL_MQTT_TYPES_; where++)
        for (int n = 0; n < 500; n++)
            round_trip(where, &seed);
}

/* Every single field, its bytes compared with the table above. */
static void every_property_is_written_as_it_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(props); i++) {
        unsigned where = first_place(props[i].where);
        uint8_t memory[64];
        struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
        struct mrl_mqtt_fault fault = {0};
        struct mrl_mqtt_props p;
        mrl_bytes out;

        assert_ok(read_at(where, props[i].good, &p, &fault));
        mrl_mqtt_put_props(&w, V5, &p);
        assert_ok(mrl_writer_end(&w, &out));
        assert_int_equal(out.data[0], props[i].good.len);
        assert_bytes_equal(mrl_bytes_sub(out, 1, SIZE_MAX), props[i].good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_property_stands_only_where_it_may),
        cmocka_unit_test(a_property_is_refused_twice_cut_or_with_a_bad_value),
        cmocka_unit_test(unknown_identifiers_are_malformed),
        cmocka_unit_test(an_identifier_or_number_in_too_many_bytes_is_refused),
        cmocka_unit_test(authentication_data_needs_its_method),
        cmocka_unit_test(user_properties_keep_their_order_among_others),
        cmocka_unit_test(forwarded_user_properties_bring_nothing_along),
        cmocka_unit_test(random_properties_survive_writing),
        cmocka_unit_test(every_property_is_written_as_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
