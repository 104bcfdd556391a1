/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/encoded.h"

#include "tests/unit/unit.h"

static struct mrl_encoded e;
static struct mrl_publication *message;

static int set_up(void **state)
{
    const struct mrl_publication from = {
        .topic = MRL_LIT("t/1"), .payload = MRL_LIT("payload"), .qos = 2};

    (void)state;
    message = mrl_publication_new(&from);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mrl_encoded_done(&e);
    mrl_publication_unref(message);
    return 0;
}

static mrl_bytes get(enum mrl_mqtt_version version, const struct mrl_delivery *d)
{
    const struct mrl_mqtt_props props = {0};
    mrl_bytes out = MRL_BYTES_NONE;

    assert_true(mrl_encoded_can(version, d));
    assert_ok(mrl_encoded_get(&e, version, d, &props, &out));
    return out;
}

/* What the codec alone would have written. */
static void assert_as_alone(enum mrl_mqtt_version version, const struct mrl_delivery *d)
{
    const struct mrl_mqtt_publish p = {.topic = d->publication->topic,
                                       .payload = d->publication->payload,
                                       .packet_id = d->packet_id,
                                       .qos = d->qos,
                                       .retain = d->retain};
    uint8_t memory[8192];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes alone;

    mrl_mqtt_write_publish(&w, version, &p);
    assert_ok(mrl_writer_end(&w, &alone));
    assert_bytes_equal(get(version, d), alone);
}

static void every_shape_is_what_the_codec_writes(void **state)
{
    static const enum mrl_mqtt_version versions[] = {MRL_MQTT_311, MRL_MQTT_5};

    (void)state;
    for (size_t v = 0; v < MRL_COUNT(versions); v++)
        for (uint8_t qos = 0; qos <= 2; qos++)
            for (unsigned retain = 0; retain <= 1; retain++) {
                struct mrl_delivery d = {.publication = message, .qos = qos, .retain = retain};

                d.packet_id = qos > 0 ? 7 : 0;
                assert_as_alone(versions[v], &d);
                d.packet_id = qos > 0 ? 0xfffe : 0;
                assert_true(mrl_encoded_has(&e, versions[v], &d));
                assert_as_alone(versions[v], &d);
            }
}

static void another_message_is_not_taken_for_it(void **state)
{
    const struct mrl_publication from = {.topic = MRL_LIT("t/1"), .payload = MRL_LIT("other")};
    struct mrl_publication *other = mrl_publication_new(&from);
    const struct mrl_delivery d = {.publication = message}, o = {.publication = other};

    (void)state;
    assert_as_alone(MRL_MQTT_311, &d);
    assert_as_alone(MRL_MQTT_311, &o);
    mrl_publication_unref(other);
    assert_as_alone(MRL_MQTT_311, &d);
}

/* Its memory must not become that of another message while it is remembered. */
static void what_it_remembers_stays_alive(void **state)
{
    const struct mrl_publication from = {.topic = MRL_LIT("a"), .payload = MRL_LIT("1")};
    struct mrl_publication *first = mrl_publication_new(&from);
    const struct mrl_delivery d = {.publication = first};

    (void)state;
    (void)get(MRL_MQTT_311, &d);
    mrl_publication_unref(first);
    for (unsigned i = 0; i < 100; i++) {
        struct mrl_publication *next = mrl_publication_new(&from);
        const struct mrl_delivery n = {.publication = next};

        assert_false(mrl_encoded_has(&e, MRL_MQTT_311, &n));
        mrl_publication_unref(next);
    }
}

static void lengths_of_every_size_find_the_packet_id(void **state)
{
    static const size_t sizes[] = {0, 1, 120, 121, 122, 127, 128, 4095, 4096};
    static uint8_t payload[MRL_ENCODED_PAYLOAD_MAX];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(sizes); i++) {
        const struct mrl_publication from = {.topic = MRL_LIT("t"),
                                             .payload = mrl_bytes_of(payload, sizes[i])};
        struct mrl_publication *p = mrl_publication_new(&from);
        struct mrl_delivery d = {.publication = p, .qos = 1, .packet_id = 1};

        assert_as_alone(MRL_MQTT_311, &d);
        d.packet_id = 513;
        assert_as_alone(MRL_MQTT_311, &d);
        mrl_publication_unref(p);
    }
}

static void what_is_for_one_receiver_is_not_shared(void **state)
{
    static uint8_t large[MRL_ENCODED_PAYLOAD_MAX + 1];
    const struct mrl_publication expiring = {.expires_ms = 1};
    const struct mrl_publication too_large = {.payload = {large, sizeof(large)}};
    const struct mrl_publication just = {.payload = {large, sizeof(large) - 1}};

    (void)state;
    assert_false(mrl_encoded_can(MRL_MQTT_311, &(struct mrl_delivery){message, .dup = true}));
    assert_false(
        mrl_encoded_can(MRL_MQTT_5, &(struct mrl_delivery){message, .identifier_count = 1}));
    assert_false(mrl_encoded_can(MRL_MQTT_5, &(struct mrl_delivery){&expiring}));
    assert_true(mrl_encoded_can(MRL_MQTT_311, &(struct mrl_delivery){&expiring}));
    assert_false(mrl_encoded_can(MRL_MQTT_5, &(struct mrl_delivery){&too_large}));
    assert_true(mrl_encoded_can(MRL_MQTT_5, &(struct mrl_delivery){&just}));
}

static void what_cannot_be_written_is_remembered_by_nobody(void **state)
{
    const struct mrl_publication from = {.topic = MRL_LIT("a/#"), .payload = MRL_LIT("1")};
    struct mrl_publication *bad = mrl_publication_new(&from);
    const struct mrl_delivery d = {.publication = bad};
    const struct mrl_mqtt_props props = {0};
    mrl_bytes out;

    (void)state;
    assert_int_not_equal(mrl_encoded_get(&e, MRL_MQTT_311, &d, &props, &out), MRL_OK);
    assert_false(mrl_encoded_has(&e, MRL_MQTT_311, &d));
    mrl_publication_unref(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_shape_is_what_the_codec_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_message_is_not_taken_for_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_it_remembers_stays_alive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lengths_of_every_size_find_the_packet_id, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_for_one_receiver_is_not_shared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_remembered_by_nobody, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
