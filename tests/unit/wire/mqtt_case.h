/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-level cases for the MQTT codec, as tables. */
#ifndef MRL_TESTS_MQTT_CASE_H
#define MRL_TESTS_MQTT_CASE_H

#include "tests/fuzz/mqtt_same.h"
#include "tests/unit/unit.h"

#define V0 MRL_MQTT_NONE
#define V4 MRL_MQTT_311
#define V5 MRL_MQTT_5
#define CLIENT MRL_MQTT_FROM_CLIENT
#define SERVER MRL_MQTT_FROM_SERVER

struct mqtt_case {
    const char *name;
    enum mrl_mqtt_version version;
    enum mrl_mqtt_from from;
    mrl_bytes bytes;
    uint8_t reason;        /* of a bad one; 0: good */
    const char *statement; /* of a bad one */
};
#define BYTES(text) MRL_LIT_INIT(text)

static inline mrl_err read_one(mrl_bytes bytes, enum mrl_mqtt_version version,
                               enum mrl_mqtt_from from, struct mrl_mqtt_packet *out,
                               struct mrl_mqtt_fault *fault)
{
    struct mrl_mqtt_frame frame;

    assert_int_equal(mrl_mqtt_frame(bytes, 1 << 20, &frame), MRL_OK);
    assert_int_equal(frame.total, bytes.len);
    return mrl_mqtt_read(&frame, version, from, out, fault);
}

static inline void expect_good(const struct mqtt_case *c)
{
    static uint8_t memory[1 << 17];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_mqtt_fault fault = {0};
    struct mrl_mqtt_packet p;
    mrl_err err = read_one(c->bytes, c->version, c->from, &p, &fault);

    if (err != MRL_OK)
        fail_msg("%s: refused, %s %s", c->name, fault.statement, fault.text);
    if (!survives_writing(&p, p.type == MRL_MQTT_CONNECT ? p.connect.version : c->version, c->from,
                          &w))
        fail_msg("%s: does not survive being written", c->name);
}

static inline void expect_bad(const struct mqtt_case *c)
{
    struct mrl_mqtt_fault fault = {0};
    struct mrl_mqtt_packet p = {.type = MRL_MQTT_TYPES_};
    mrl_err err = read_one(c->bytes, c->version, c->from, &p, &fault);

    if (err != (c->reason == 0x84 ? MRL_ERR_UNSUPPORTED : MRL_ERR_MALFORMED))
        fail_msg("%s: got %s", c->name, mrl_err_name(err));
    if (fault.reason != c->reason || strcmp(fault.statement, c->statement) != 0)
        fail_msg("%s: got 0x%02x %s (%s)", c->name, fault.reason, fault.statement, fault.text);
    assert_int_equal(p.type, MRL_MQTT_TYPES_); /* nothing visible before everything held */
    assert_int_equal(mrl_mqtt_read(&(struct mrl_mqtt_frame){.type = MRL_MQTT_PINGREQ}, MRL_MQTT_5,
                                   MRL_MQTT_FROM_SERVER, &p, NULL),
                     MRL_ERR_MALFORMED); /* without a fault too */
}

/* A case whose last field is a list or a payload has shorter forms that are right as well. */
static inline void expect_cut_is_bad_or_same(const struct mqtt_case *c)
{
    static uint8_t memory[1 << 17];
    struct mrl_mqtt_frame frame;
    struct mrl_mqtt_packet p;

    assert_int_equal(mrl_mqtt_frame(c->bytes, 1 << 20, &frame), MRL_OK);
    for (mrl_bytes whole = frame.body; frame.body.len > 0;) {
        struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));

        frame.body = mrl_bytes_sub(whole, 0, frame.body.len - 1);
        if (mrl_mqtt_read(&frame, c->version, c->from, &p, NULL) != MRL_OK)
            continue;
        if (!survives_writing(&p, p.type == MRL_MQTT_CONNECT ? p.connect.version : c->version,
                              c->from, &w))
            fail_msg("%s cut to %zu: does not survive", c->name, frame.body.len);
    }
}

static inline void run_cases(const struct mqtt_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cases[i].reason != 0) {
            expect_bad(&cases[i]);
            continue;
        }
        expect_good(&cases[i]);
        expect_cut_is_bad_or_same(&cases[i]);
    }
}

/* What a writer made must be exactly these bytes. */
#define assert_written(w, text)                  \
    do {                                         \
        mrl_bytes out_;                          \
        assert_ok(mrl_writer_end((w), &out_));   \
        assert_bytes_equal(out_, MRL_LIT(text)); \
    } while (0)
#define assert_refused(w) assert_true((w)->overflow)

#endif
