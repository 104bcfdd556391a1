/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_props.h"

#include "wire/mqtt_codec.h"
#include "wire/mqtt_topic.h"

enum kind {
    KIND_NONE,
    KIND_U8,
    KIND_U16,
    KIND_U32,
    KIND_VARINT,
    KIND_TEXT,
    KIND_BINARY,
    KIND_PAIR
};

/* One property on its way between bytes and struct. */
struct prop {
    unsigned id;
    uint32_t number;
    mrl_bytes text;  /* or binary, or the name of a pair */
    mrl_bytes value; /* of a pair */
};

#define IN(type) (1u << MRL_MQTT_##type)
#define MESSAGE (IN(PUBLISH) | IN(IN_WILL))
#define OPENING (IN(CONNECT) | IN(CONNACK))
#define ENHANCED (OPENING | IN(AUTH))
#define ANSWERS                                                                      \
    (IN(CONNACK) | IN(PUBACK) | IN(PUBREC) | IN(PUBREL) | IN(PUBCOMP) | IN(SUBACK) | \
     IN(UNSUBACK) | IN(DISCONNECT) | IN(AUTH))
#define ANYWHERE (ANSWERS | MESSAGE | IN(CONNECT) | IN(SUBSCRIBE) | IN(UNSUBSCRIBE))
#define AT(field) ((uint16_t)offsetof(struct mrl_mqtt_props, field))

/* 2.2.2.2, table 2-4 */
static const struct prop_rule {
    enum kind kind;
    uint16_t at;    /* the field, unless it repeats */
    uint32_t where; /* bit per packet type, IN_WILL for the will */
    uint32_t least; /* of numbers */
    uint32_t most;
} prop_rules[MRL_MQTT_PROPS_] = {
    [MRL_MQTT_PROP_PAYLOAD_FORMAT] = {KIND_U8, AT(payload_format), MESSAGE, 0, 1},
    [MRL_MQTT_PROP_MESSAGE_EXPIRY] = {KIND_U32, AT(message_expiry), MESSAGE, 0, UINT32_MAX},
    [MRL_MQTT_PROP_CONTENT_TYPE] = {KIND_TEXT, AT(content_type), MESSAGE},
    [MRL_MQTT_PROP_RESPONSE_TOPIC] = {KIND_TEXT, AT(response_topic), MESSAGE},
    [MRL_MQTT_PROP_CORRELATION_DATA] = {KIND_BINARY, AT(correlation_data), MESSAGE},
    [MRL_MQTT_PROP_SUBSCRIPTION_ID] = {KIND_VARINT, AT(subscription_id),
                                       IN(PUBLISH) | IN(SUBSCRIBE), 1, MRL_MQTT_MAX_REMAINING},
    [MRL_MQTT_PROP_SESSION_EXPIRY] = {KIND_U32, AT(session_expiry), OPENING | IN(DISCONNECT), 0,
                                      UINT32_MAX},
    [MRL_MQTT_PROP_ASSIGNED_CLIENT_ID] = {KIND_TEXT, AT(assigned_client_id), IN(CONNACK)},
    [MRL_MQTT_PROP_SERVER_KEEP_ALIVE] = {KIND_U16, AT(server_keep_alive), IN(CONNACK), 0,
                                         UINT16_MAX},
    [MRL_MQTT_PROP_AUTH_METHOD] = {KIND_TEXT, AT(auth_method), ENHANCED},
    [MRL_MQTT_PROP_AUTH_DATA] = {KIND_BINARY, AT(auth_data), ENHANCED},
    [MRL_MQTT_PROP_REQUEST_PROBLEM_INFO] = {KIND_U8, AT(request_problem_info), IN(CONNECT), 0, 1},
    [MRL_MQTT_PROP_WILL_DELAY] = {KIND_U32, AT(will_delay), IN(IN_WILL), 0, UINT32_MAX},
    [MRL_MQTT_PROP_REQUEST_RESPONSE_INFO] = {KIND_U8, AT(request_response_info), IN(CONNECT), 0, 1},
    [MRL_MQTT_PROP_RESPONSE_INFORMATION] = {KIND_TEXT, AT(response_information), IN(CONNACK)},
    [MRL_MQTT_PROP_SERVER_REFERENCE] = {KIND_TEXT, AT(server_reference),
                                        IN(CONNACK) | IN(DISCONNECT)},
    [MRL_MQTT_PROP_REASON_STRING] = {KIND_TEXT, AT(reason_string), ANSWERS},
    [MRL_MQTT_PROP_RECEIVE_MAXIMUM] = {KIND_U16, AT(receive_maximum), OPENING, 1, UINT16_MAX},
    [MRL_MQTT_PROP_TOPIC_ALIAS_MAXIMUM] = {KIND_U16, AT(topic_alias_maximum), OPENING, 0,
                                           UINT16_MAX},
    [MRL_MQTT_PROP_TOPIC_ALIAS] = {KIND_U16, AT(topic_alias), IN(PUBLISH), 1, UINT16_MAX},
    [MRL_MQTT_PROP_MAXIMUM_QOS] = {KIND_U8, AT(maximum_qos), IN(CONNACK), 0, 1},
    [MRL_MQTT_PROP_RETAIN_AVAILABLE] = {KIND_U8, AT(retain_available), IN(CONNACK), 0, 1},
    [MRL_MQTT_PROP_USER] = {KIND_PAIR, 0, ANYWHERE},
    [MRL_MQTT_PROP_MAXIMUM_PACKET_SIZE] = {KIND_U32, AT(maximum_packet_size), OPENING, 1,
                                           UINT32_MAX},
    [MRL_MQTT_PROP_WILDCARD_AVAILABLE] = {KIND_U8, AT(wildcard_available), IN(CONNACK), 0, 1},
    [MRL_MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE] = {KIND_U8, AT(subscription_id_available),
                                                 IN(CONNACK), 0, 1},
    [MRL_MQTT_PROP_SHARED_AVAILABLE] = {KIND_U8, AT(shared_available), IN(CONNACK), 0, 1},
};

/* Allowed in the packet, but from one side only. */
static const struct {
    enum mrl_mqtt_prop id;
    enum mrl_mqtt_type where;
    enum mrl_mqtt_from from;
    enum mrl_mqtt_rule broken;
} one_sided[] = {
    {MRL_MQTT_PROP_SUBSCRIPTION_ID, MRL_MQTT_PUBLISH, MRL_MQTT_FROM_SERVER,
     MRL_MQTT_RULE_PROP_SUBSCRIPTION_ID},
    {MRL_MQTT_PROP_SESSION_EXPIRY, MRL_MQTT_DISCONNECT, MRL_MQTT_FROM_CLIENT,
     MRL_MQTT_RULE_PROP_SESSION_EXPIRY},
    {MRL_MQTT_PROP_SERVER_REFERENCE, MRL_MQTT_DISCONNECT, MRL_MQTT_FROM_SERVER,
     MRL_MQTT_RULE_PROP_SERVER_REFERENCE},
};

static const struct mrl_mqtt_props defaults = {
    .maximum_packet_size = UINT32_MAX,
    .receive_maximum = UINT16_MAX,
    .maximum_qos = 2,
    .request_problem_info = true,
    .retain_available = true,
    .wildcard_available = true,
    .subscription_id_available = true,
    .shared_available = true,
};

static enum mrl_mqtt_rule read_number(struct mrl_reader *r, enum kind kind, uint32_t *out)
{
    uint16_t u16;
    uint8_t u8;

    if (kind == KIND_U32)
        return mrl_read_u32(r, out) == MRL_OK ? MRL_MQTT_RULE_NONE : MRL_MQTT_RULE_TRUNCATED;
    if (kind == KIND_U16) {
        if (mrl_read_u16(r, &u16) != MRL_OK)
            return MRL_MQTT_RULE_TRUNCATED;
        *out = u16;
        return MRL_MQTT_RULE_NONE;
    }
    if (mrl_read_u8(r, &u8) != MRL_OK)
        return MRL_MQTT_RULE_TRUNCATED;
    *out = u8;
    return MRL_MQTT_RULE_NONE;
}

static enum mrl_mqtt_rule read_texts(struct mrl_reader *r, enum kind kind, struct prop *out)
{
    if (mrl_read_blob16(r, &out->text) != MRL_OK)
        return MRL_MQTT_RULE_TRUNCATED;
    if (kind == KIND_PAIR && mrl_read_blob16(r, &out->value) != MRL_OK)
        return MRL_MQTT_RULE_TRUNCATED;
    return MRL_MQTT_RULE_NONE;
}

/* The next property as it stands, its value not judged. */
static enum mrl_mqtt_rule read_prop(struct mrl_reader *r, struct prop *out)
{
    enum mrl_mqtt_rule broken;
    uint32_t id;
    enum kind kind;

    *out = (struct prop){0};
    broken =
        mrl_mqtt_take_varint(r, &id); /* 2.2.2.2: the identifier is a variable byte integer too */
    if (broken != MRL_MQTT_RULE_NONE)
        return broken;
    if (id >= MRL_MQTT_PROPS_ || prop_rules[id].kind == KIND_NONE)
        return MRL_MQTT_RULE_PROP_UNKNOWN;
    out->id = id;
    kind = prop_rules[id].kind;
    if (kind == KIND_VARINT)
        return mrl_mqtt_take_varint(r, &out->number);
    return kind < KIND_VARINT ? read_number(r, kind, &out->number) : read_texts(r, kind, out);
}

static void put_prop(struct mrl_writer *w, const struct prop *p)
{
    enum kind kind = prop_rules[p->id].kind;

    mrl_mqtt_put_varint(w, p->id);
    if (kind == KIND_U8)
        mrl_put_u8(w, (uint8_t)p->number);
    else if (kind == KIND_U16)
        mrl_put_u16(w, (uint16_t)p->number);
    else if (kind == KIND_U32)
        mrl_put_u32(w, p->number);
    else if (kind == KIND_VARINT)
        mrl_mqtt_put_varint(w, p->number);
    else
        mrl_put_blob16(w, p->text);
    if (kind == KIND_PAIR)
        mrl_put_blob16(w, p->value);
}

/* These two alone go from a table entry to its field. */
static void store(struct mrl_mqtt_props *p, const struct prop *from)
{
    enum kind kind = prop_rules[from->id].kind;
    void *to = (uint8_t *)p + prop_rules[from->id].at;

    if (kind == KIND_U8)
        *(uint8_t *)to = (uint8_t)from->number;
    else if (kind == KIND_U16)
        *(uint16_t *)to = (uint16_t)from->number;
    else if (kind == KIND_U32 || kind == KIND_VARINT)
        *(uint32_t *)to = from->number;
    else if (kind == KIND_TEXT || kind == KIND_BINARY)
        *(mrl_bytes *)to = from->text;
}

static struct prop load(const struct mrl_mqtt_props *p, unsigned id)
{
    enum kind kind = prop_rules[id].kind;
    const void *from = (const uint8_t *)p + prop_rules[id].at;
    struct prop out = {.id = id};

    if (kind == KIND_U8)
        out.number = *(const uint8_t *)from;
    else if (kind == KIND_U16)
        out.number = *(const uint16_t *)from;
    else if (kind == KIND_U32 || kind == KIND_VARINT)
        out.number = *(const uint32_t *)from;
    else if (kind == KIND_TEXT || kind == KIND_BINARY)
        out.text = *(const mrl_bytes *)from;
    return out;
}

static enum mrl_mqtt_rule check_number(const struct prop *p)
{
    const struct prop_rule *rule = &prop_rules[p->id];

    if (p->number >= rule->least && p->number <= rule->most)
        return MRL_MQTT_RULE_NONE;
    return p->id == MRL_MQTT_PROP_TOPIC_ALIAS ? MRL_MQTT_RULE_PROP_TOPIC_ALIAS
                                              : MRL_MQTT_RULE_PROP_VALUE;
}

static enum mrl_mqtt_rule check_value(const struct prop *p)
{
    enum kind kind = prop_rules[p->id].kind;
    enum mrl_mqtt_rule broken;

    if (kind <= KIND_VARINT)
        return check_number(p);
    if (kind == KIND_BINARY)
        return p->text.len <= UINT16_MAX ? MRL_MQTT_RULE_NONE : MRL_MQTT_RULE_TOO_LONG;
    broken = mrl_mqtt_check_text(p->text);
    if (broken == MRL_MQTT_RULE_NONE && kind == KIND_PAIR)
        broken = mrl_mqtt_check_text(p->value); /* [MQTT-1.5.7-1] */
    if (broken == MRL_MQTT_RULE_NONE && p->id == MRL_MQTT_PROP_RESPONSE_TOPIC &&
        !mrl_mqtt_topic_valid(p->text))
        return MRL_MQTT_RULE_PROP_RESPONSE_TOPIC;
    return broken;
}

static bool may_repeat(unsigned id, unsigned where)
{
    return id == MRL_MQTT_PROP_USER ||
           (id == MRL_MQTT_PROP_SUBSCRIPTION_ID && where == MRL_MQTT_PUBLISH); /* 3.3.2.3.8 */
}

/* May this property stand here, after those seen? Adds it to them. */
static enum mrl_mqtt_rule check_place(const struct prop *p, unsigned where, enum mrl_mqtt_from from,
                                      uint64_t *seen)
{
    if ((prop_rules[p->id].where >> where & 1) == 0)
        return MRL_MQTT_RULE_PROP_MISPLACED;
    for (size_t i = 0; i < MRL_COUNT(one_sided); i++)
        if (one_sided[i].id == p->id && one_sided[i].where == where && one_sided[i].from != from)
            return one_sided[i].broken;
    if ((*seen >> p->id & 1) != 0 && !may_repeat(p->id, where))
        return MRL_MQTT_RULE_PROP_TWICE;
    *seen |= (uint64_t)1 << p->id;
    return MRL_MQTT_RULE_NONE;
}

static enum mrl_mqtt_rule check_prop(const struct prop *p, unsigned where, enum mrl_mqtt_from from,
                                     uint64_t *seen)
{
    enum mrl_mqtt_rule broken = check_place(p, where, from, seen);

    return broken == MRL_MQTT_RULE_NONE ? check_value(p) : broken;
}

static enum mrl_mqtt_rule check_together(uint64_t seen)
{
    struct mrl_mqtt_props p = {.present = seen};

    if (mrl_mqtt_has(&p, MRL_MQTT_PROP_AUTH_DATA) && !mrl_mqtt_has(&p, MRL_MQTT_PROP_AUTH_METHOD))
        return MRL_MQTT_RULE_PROP_AUTH_DATA;
    return MRL_MQTT_RULE_NONE;
}

static enum mrl_mqtt_rule read_block(mrl_bytes block, unsigned where, enum mrl_mqtt_from from,
                                     struct mrl_mqtt_props *out)
{
    struct mrl_reader r = {block, 0};
    struct prop p;

    while (mrl_reader_left(&r) > 0) {
        bool first;
        enum mrl_mqtt_rule broken = read_prop(&r, &p);

        if (broken != MRL_MQTT_RULE_NONE)
            return broken;
        first = !mrl_mqtt_has(out, (enum mrl_mqtt_prop)p.id);
        broken = check_prop(&p, where, from, &out->present);
        if (broken != MRL_MQTT_RULE_NONE)
            return broken;
        if (first)
            store(out, &p);
    }
    if (mrl_mqtt_has(out, MRL_MQTT_PROP_USER))
        out->user = block;
    if (mrl_mqtt_has(out, MRL_MQTT_PROP_SUBSCRIPTION_ID))
        out->subscription_ids = block;
    return check_together(out->present);
}

mrl_err mrl_mqtt_in_props(struct mrl_mqtt_in *in, unsigned where, struct mrl_mqtt_props *out)
{
    mrl_bytes block;
    uint32_t len;

    *out = defaults;
    if (in->version != MRL_MQTT_5)
        return MRL_OK;
    MRL_TRY(mrl_mqtt_in_varint(in, &len));
    MRL_MQTT_ENSURE(in, mrl_read_bytes(&in->r, len, &block) == MRL_OK, PROP_LENGTH);
    return mrl_mqtt_judge(in, read_block(block, where, in->from, out));
}

/* Yields each property that a write has to put, repeated ones one by one. */
struct walk {
    const struct mrl_mqtt_props *props;
    unsigned id;
    bool listing; /* within the list of the repeated property `id` */
    bool broken;  /* a list was not well-formed */
    struct mrl_reader list;
};

/* The encoded list behind a repeated property; empty: the property is in its field. */
static mrl_bytes list_of(const struct mrl_mqtt_props *p, unsigned id)
{
    if (id == MRL_MQTT_PROP_USER)
        return p->user;
    return id == MRL_MQTT_PROP_SUBSCRIPTION_ID ? p->subscription_ids : MRL_BYTES_NONE;
}

/* A list that is not well-formed ends early and leaves its rest unread. */
static bool next_listed(struct mrl_reader *list, unsigned id, struct prop *out)
{
    while (mrl_reader_left(list) > 0) {
        struct mrl_reader ahead = *list;

        if (read_prop(&ahead, out) != MRL_MQTT_RULE_NONE)
            return false;
        *list = ahead;
        if (out->id == id)
            return true;
    }
    return false;
}

static bool walk_list(struct walk *w, struct prop *out)
{
    if (!w->listing)
        w->list = (struct mrl_reader){list_of(w->props, w->id), 0};
    w->listing = next_listed(&w->list, w->id, out);
    w->broken |= !w->listing && mrl_reader_left(&w->list) > 0;
    return w->listing;
}

static bool walk_next(struct walk *w, struct prop *out)
{
    for (; w->id < MRL_MQTT_PROPS_; w->id++) {
        if (!mrl_mqtt_has(w->props, (enum mrl_mqtt_prop)w->id))
            continue;
        if (w->id == MRL_MQTT_PROP_USER || list_of(w->props, w->id).len > 0) {
            if (walk_list(w, out))
                return true;
            continue;
        }
        *out = load(w->props, w->id++);
        return true;
    }
    return false;
}

enum mrl_mqtt_rule mrl_mqtt_check_props(enum mrl_mqtt_version version,
                                        const struct mrl_mqtt_props *p, unsigned where,
                                        enum mrl_mqtt_from from)
{
    struct walk w = {.props = p};
    uint64_t seen = 0;
    struct prop prop;

    if (version != MRL_MQTT_5 || p->present == 0)
        return MRL_MQTT_RULE_NONE;
    if (p->present >> MRL_MQTT_PROPS_ != 0)
        return MRL_MQTT_RULE_PROP_UNKNOWN;
    while (walk_next(&w, &prop)) {
        enum mrl_mqtt_rule broken = prop_rules[prop.id].kind == KIND_NONE
                                        ? MRL_MQTT_RULE_PROP_UNKNOWN
                                        : check_prop(&prop, where, from, &seen);

        if (broken != MRL_MQTT_RULE_NONE)
            return broken;
    }
    return w.broken ? MRL_MQTT_RULE_TRUNCATED : check_together(seen);
}

static void put_block(struct mrl_writer *w, const struct mrl_mqtt_props *p)
{
    struct walk walk = {.props = p};
    struct prop prop;

    while (walk_next(&walk, &prop))
        put_prop(w, &prop);
}

void mrl_mqtt_put_props(struct mrl_writer *w, enum mrl_mqtt_version version,
                        const struct mrl_mqtt_props *p)
{
    struct mrl_writer count = mrl_writer_counting();

    if (version != MRL_MQTT_5)
        return;
    if (p->present == 0) {
        mrl_put_u8(w, 0); /* [MQTT-2.2.2-1] */
        return;
    }
    put_block(&count, p);
    mrl_mqtt_put_varint(w, count.len <= MRL_MQTT_MAX_REMAINING ? (uint32_t)count.len : UINT32_MAX);
    put_block(w, p);
}

bool mrl_mqtt_user_property_next(struct mrl_mqtt_cursor *c, mrl_bytes *name, mrl_bytes *value)
{
    struct prop p;

    if (!next_listed(&c->at, MRL_MQTT_PROP_USER, &p))
        return false;
    *name = p.text;
    *value = p.value;
    return true;
}

bool mrl_mqtt_subscription_id_next(struct mrl_mqtt_cursor *c, uint32_t *id)
{
    struct prop p;

    if (!next_listed(&c->at, MRL_MQTT_PROP_SUBSCRIPTION_ID, &p))
        return false;
    *id = p.number;
    return true;
}

void mrl_mqtt_put_user_property(struct mrl_writer *w, mrl_bytes name, mrl_bytes value)
{
    put_prop(w, &(struct prop){.id = MRL_MQTT_PROP_USER, .text = name, .value = value});
}

void mrl_mqtt_put_subscription_id(struct mrl_writer *w, uint32_t id)
{
    put_prop(w, &(struct prop){.id = MRL_MQTT_PROP_SUBSCRIPTION_ID, .number = id});
}
