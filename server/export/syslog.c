/* SPDX-License-Identifier: Apache-2.0 */
#include "export/syslog.h"

#include "base/clock.h"
#include "base/json.h"

enum {
    FACILITY_AUDIT = 13,
    SEVERITY_ERROR = 3,
    SEVERITY_WARNING = 4,
    SEVERITY_INFO = 6,
    DEL = 0x7f,
};

/* What the header needs of an entry; views of root. */
struct facts {
    int severity;
    int64_t time_ms; /* 0: not known */
    mrl_bytes action, outcome, actor_kind, actor_id, target;
};

/* RFC 5424 6: PRINTUSASCII */
static bool is_printable(mrl_bytes text, size_t max)
{
    if (text.len == 0 || text.len > max)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] >= DEL)
            return false;
    return true;
}

/* RFC 5424 6.3.2: name@<private enterprise number>; names without @ are reserved. */
static bool is_sd_id(mrl_bytes text)
{
    mrl_bytes name, number;
    uint64_t enterprise;

    if (!is_printable(text, MRL_SYSLOG_SD_NAME_MAX) || !mrl_bytes_split(text, '@', &name, &number))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] == '=' || name.data[i] == ']' || name.data[i] == '"')
            return false;
    return name.len > 0 && mrl_bytes_to_u64(number, UINT32_MAX, &enterprise);
}

mrl_err mrl_syslog_style_check(const struct mrl_syslog_style *s, struct mrl_why *why)
{
    if (!is_printable(s->hostname, MRL_SYSLOG_HOSTNAME_MAX))
        return mrl_fail(why, MRL_ERR_INVALID, "hostname: 1 to %d printable characters of ASCII",
                        MRL_SYSLOG_HOSTNAME_MAX);
    if (!is_sd_id(s->sd_id))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "sd_id: a name, @ and the number of a private enterprise");
    if (s->message_bytes < MRL_SYSLOG_MESSAGE_MIN || s->message_bytes > MRL_SYSLOG_MESSAGE_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "message_bytes: %d to %d", MRL_SYSLOG_MESSAGE_MIN,
                        MRL_SYSLOG_MESSAGE_MAX);
    return MRL_OK;
}

static int severity_of(mrl_bytes outcome)
{
    if (mrl_bytes_eq(outcome, MRL_LIT("ok")))
        return SEVERITY_INFO;
    return mrl_bytes_eq(outcome, MRL_LIT("denied")) ? SEVERITY_WARNING : SEVERITY_ERROR;
}

/* What a sink that reveals adds. */
static void read_opened(const json_t *root, struct facts *f)
{
    json_t *opened = NULL;

    if (mrl_json_get_object(root, "opened", &opened, NULL) != MRL_OK)
        return;
    (void)mrl_json_get_str(opened, "actor.id", &f->actor_id, NULL);
    (void)mrl_json_get_str(opened, "target", &f->target, NULL);
}

/* Absent members stay empty. */
static void read_facts(const json_t *root, struct facts *f)
{
    json_t *actor = NULL;

    (void)mrl_json_get_str(root, "action", &f->action, NULL);
    (void)mrl_json_get_str(root, "outcome", &f->outcome, NULL);
    (void)mrl_json_get_str(root, "target", &f->target, NULL);
    (void)mrl_json_get_int(root, "time", 0, INT64_MAX, &f->time_ms, NULL);
    if (mrl_json_get_object(root, "actor", &actor, NULL) == MRL_OK) {
        (void)mrl_json_get_str(actor, "kind", &f->actor_kind, NULL);
        (void)mrl_json_get_str(actor, "id", &f->actor_id, NULL);
    }
    read_opened(root, f);
    f->severity = severity_of(f->outcome);
    if (!is_printable(f->action, MRL_SYSLOG_SD_NAME_MAX))
        f->action = MRL_BYTES_NONE;
}

/* The beginning of text, at most max bytes, no character cut in two. */
static mrl_bytes beginning(mrl_bytes text, size_t max)
{
    mrl_bytes head = mrl_bytes_sub(text, 0, max);

    if (text.len <= max)
        return text;
    for (size_t back = 0; back < 3 && head.len > 1 && (text.data[head.len] & 0xc0) == 0x80; back++)
        head.len--;
    return head;
}

/* RFC 5424 6.3.3: what is escaped. Control characters would be changed by receivers, each in its
 * own way. */
static mrl_err append_value(struct mrl_buf *out, mrl_bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];

        if (c == '"' || c == '\\' || c == ']')
            MRL_TRY(mrl_buf_append(out, MRL_LIT("\\")));
        if (c < ' ' || c == DEL)
            c = '?';
        MRL_TRY(mrl_buf_append(out, mrl_bytes_of(&c, 1)));
    }
    return MRL_OK;
}

static mrl_err append_param(struct mrl_buf *out, const char *name, mrl_bytes prefix,
                            mrl_bytes value)
{
    if (value.len == 0)
        return MRL_OK;
    MRL_TRY(mrl_buf_printf(out, " %s=\"", name));
    if (prefix.len > 0) {
        MRL_TRY(append_value(out, beginning(prefix, MRL_SYSLOG_SD_NAME_MAX)));
        MRL_TRY(mrl_buf_append(out, MRL_LIT(":")));
    }
    MRL_TRY(append_value(out, beginning(value, MRL_SYSLOG_VALUE_MAX)));
    return mrl_buf_append(out, MRL_LIT("\""));
}

/* HEADER SP "[" up to the target: the same in all parts of an entry. */
static mrl_err append_head(struct mrl_buf *out, const struct mrl_syslog_style *s,
                           const struct facts *f, uint64_t seq)
{
    char time[MRL_TIME_TEXT] = "-";

    if (f->time_ms != 0)
        mrl_time_format(f->time_ms, time);
    MRL_TRY(mrl_buf_printf(out, "<%d>1 %s %.*s merlon - %.*s [%.*s seq=\"%llu\"",
                           FACILITY_AUDIT * 8 + f->severity, time, MRL_FMT(s->hostname),
                           MRL_FMT(f->action.len > 0 ? f->action : MRL_LIT("-")), MRL_FMT(s->sd_id),
                           (unsigned long long)seq));
    MRL_TRY(append_param(out, "outcome", MRL_BYTES_NONE, f->outcome));
    MRL_TRY(append_param(out, "actor", f->actor_kind, f->actor_id));
    return append_param(out, "target", MRL_BYTES_NONE, f->target);
}

/* RFC 5425 4.3: MSG-LEN SP SYSLOG-MSG */
static mrl_err append_frame(struct mrl_buf *out, mrl_bytes head, mrl_bytes numbering, mrl_bytes msg)
{
    const mrl_bytes pieces[] = {head, numbering, MRL_LIT("] "), msg};
    size_t len = 0;

    for (size_t i = 0; i < MRL_COUNT(pieces); i++)
        len += pieces[i].len;
    MRL_TRY(mrl_buf_printf(out, "%zu ", len));
    for (size_t i = 0; i < MRL_COUNT(pieces); i++)
        MRL_TRY(mrl_buf_append(out, pieces[i]));
    return MRL_OK;
}

static size_t count_parts(mrl_bytes json, size_t room)
{
    size_t parts = 0;

    for (; json.len > 0; parts++)
        json = mrl_bytes_sub(json, beginning(json, room).len, json.len);
    return parts;
}

/* room counts the numbering at its longest: a head has at most 1,300 bytes of
 * MRL_SYSLOG_MESSAGE_MIN, so no entry has a thousand parts. */
static mrl_err append_parts(struct mrl_buf *out, mrl_bytes head, mrl_bytes json, size_t limit)
{
    size_t room = limit - head.len - sizeof(" part=\"999\" parts=\"999\"] ");
    size_t parts = count_parts(json, room);

    for (size_t part = 1; part <= parts; part++) {
        mrl_bytes msg = beginning(json, room);
        MRL_SCOPED(mrl_buf) numbering = {0};

        MRL_TRY(mrl_buf_printf(&numbering, " part=\"%zu\" parts=\"%zu\"", part, parts));
        MRL_TRY(append_frame(out, head, mrl_buf_bytes(&numbering), msg));
        json = mrl_bytes_sub(json, msg.len, json.len);
    }
    return MRL_OK;
}

mrl_err mrl_syslog_write(const struct mrl_syslog_style *s, uint64_t seq, mrl_bytes json,
                         struct mrl_buf *out)
{
    const struct mrl_json_limits limits = {MRL_SYSLOG_TEXT_MAX, 32};
    struct facts f = {.severity = SEVERITY_ERROR};
    MRL_SCOPED(mrl_buf) head = {0};
    MRL_AUTO(json_t) root = NULL;

    if (mrl_json_read(json, &limits, &root, NULL) == MRL_OK)
        read_facts(root, &f);
    MRL_TRY(append_head(&head, s, &f, seq));
    if (head.len + 2 + json.len <= s->message_bytes)
        return append_frame(out, mrl_buf_bytes(&head), MRL_BYTES_NONE, json);
    return append_parts(out, mrl_buf_bytes(&head), json, s->message_bytes);
}
