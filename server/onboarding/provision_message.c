/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/provision_message.h"

#include "base/secret.h"
#include "wire/cbor.h"

static const char csr_member[] = "certificateSigningRequest";
static const char token_member[] = "certificateOwnershipToken";
static const char parameters_member[] = "parameters";

bool mrl_provision_format_parse(mrl_bytes name, enum mrl_provision_format *out)
{
    static const char *const names[MRL_PROVISION_FORMAT_COUNT_] = {
        [MRL_PROVISION_JSON] = "json", [MRL_PROVISION_CBOR] = "cbor"};

    for (size_t i = 0; i < MRL_COUNT(names); i++) {
        if (mrl_bytes_eq(name, mrl_str(names[i]))) {
            *out = (enum mrl_provision_format)i;
            return true;
        }
    }
    return false;
}

/* jansson does not wipe what it frees. */
static void forget_token(json_t *o)
{
    json_t *token = json_object_get(o, token_member);

    if (json_is_string(token))
        mrl_wipe((char *)json_string_value(token), json_string_length(token));
}

void mrl_provision_message_done(struct mrl_provision_message *m)
{
    forget_token(m->json);
    json_decref(m->json);
    *m = (struct mrl_provision_message){0};
}

static mrl_err add_parameter(struct mrl_provision_message *m, mrl_bytes name, mrl_bytes value,
                             struct mrl_why *why)
{
    if (m->count == MRL_TEMPLATE_PARAMETERS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "more than %d parameters", MRL_TEMPLATE_PARAMETERS_MAX);
    m->parameters[m->count++] = (struct mrl_parameter){name, value};
    return MRL_OK;
}

/* --- JSON --- */

static mrl_err read_json_parameters(struct mrl_provision_message *m, struct mrl_why *why)
{
    json_t *all = NULL;
    mrl_err err = mrl_json_get_object(m->json, parameters_member, &all, why);

    MRL_TRY(mrl_json_optional(err));
    if (err != MRL_OK)
        return MRL_OK;
    for (void *i = json_object_iter(all); i != NULL; i = json_object_iter_next(all, i)) {
        mrl_bytes value;

        MRL_TRY(mrl_json_get_str(all, json_object_iter_key(i), &value, why));
        MRL_TRY(add_parameter(m, mrl_str(json_object_iter_key(i)), value, why));
    }
    return MRL_OK;
}

static mrl_err read_json(mrl_bytes payload, struct mrl_provision_message *m, struct mrl_why *why)
{
    static const struct mrl_json_limits limits = {.bytes = MRL_PROVISION_MESSAGE_MAX, .depth = 8};

    MRL_TRY(mrl_json_read(payload, &limits, &m->json, why));
    if (!json_is_object(m->json))
        return mrl_fail(why, MRL_ERR_INVALID, "the message is an object");
    if (json_object_size(m->json) > MRL_PROVISION_MEMBERS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "more than %d members", MRL_PROVISION_MEMBERS_MAX);
    MRL_TRY(mrl_json_optional(mrl_json_get_str(m->json, csr_member, &m->csr, why)));
    MRL_TRY(mrl_json_optional(mrl_json_get_str(m->json, token_member, &m->token, why)));
    return read_json_parameters(m, why);
}

/* --- CBOR --- */

static mrl_err not_text(const char *what, mrl_err err, struct mrl_why *why)
{
    if (err == MRL_OK)
        return MRL_OK;
    return mrl_fail(why, err, "%s: not a text string of CBOR with a definite length", what);
}

static mrl_err check_new_parameter(const struct mrl_provision_message *m, mrl_bytes name,
                                   struct mrl_why *why)
{
    for (size_t i = 0; i < m->count; i++)
        if (mrl_bytes_eq(m->parameters[i].name, name))
            return mrl_fail(why, MRL_ERR_MALFORMED, "a parameter stands twice");
    return MRL_OK;
}

static mrl_err read_cbor_parameters(struct mrl_reader *r, struct mrl_provision_message *m,
                                    struct mrl_why *why)
{
    size_t pairs = 0;
    mrl_bytes name, value;

    if (mrl_cbor_read_map(r, &pairs) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "parameters: not a map of definite length");
    for (size_t i = 0; i < pairs; i++) {
        MRL_TRY(not_text("parameters", mrl_cbor_read_text(r, &name), why));
        MRL_TRY(not_text("parameters", mrl_cbor_read_text(r, &value), why));
        MRL_TRY(check_new_parameter(m, name, why));
        MRL_TRY(add_parameter(m, name, value, why));
    }
    return MRL_OK;
}

enum { SEEN_CSR = 1, SEEN_TOKEN = 2, SEEN_PARAMETERS = 4 };

static unsigned member_of(mrl_bytes name)
{
    if (mrl_bytes_eq(name, mrl_str(csr_member)))
        return SEEN_CSR;
    if (mrl_bytes_eq(name, mrl_str(token_member)))
        return SEEN_TOKEN;
    return mrl_bytes_eq(name, mrl_str(parameters_member)) ? SEEN_PARAMETERS : 0;
}

static mrl_err read_cbor_member(struct mrl_reader *r, struct mrl_provision_message *m,
                                unsigned *seen, struct mrl_why *why)
{
    unsigned member;
    mrl_bytes name;

    MRL_TRY(not_text("name of a member", mrl_cbor_read_text(r, &name), why));
    member = member_of(name);
    if ((*seen & member) != 0) /* RFC 8949 5.6: not valid */
        return mrl_fail(why, MRL_ERR_MALFORMED, "a member stands twice");
    *seen |= member;
    if (member == SEEN_CSR)
        return not_text(csr_member, mrl_cbor_read_text(r, &m->csr), why);
    if (member == SEEN_TOKEN)
        return not_text(token_member, mrl_cbor_read_text(r, &m->token), why);
    if (member == SEEN_PARAMETERS)
        return read_cbor_parameters(r, m, why);
    if (mrl_cbor_skip(r) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED,
                        "a member is not CBOR, too deep, or without definite length");
    return MRL_OK;
}

static mrl_err read_cbor(mrl_bytes payload, struct mrl_provision_message *m, struct mrl_why *why)
{
    struct mrl_reader r = {payload, 0};
    unsigned seen = 0;
    size_t pairs = 0;

    if (payload.len > MRL_PROVISION_MESSAGE_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "more than %d bytes", MRL_PROVISION_MESSAGE_MAX);
    if (mrl_cbor_read_map(&r, &pairs) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "not a CBOR map of definite length");
    if (pairs > MRL_PROVISION_MEMBERS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "more than %d members", MRL_PROVISION_MEMBERS_MAX);
    for (size_t i = 0; i < pairs; i++)
        MRL_TRY(read_cbor_member(&r, m, &seen, why));
    if (mrl_reader_end(&r) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "bytes behind the end of the message");
    return MRL_OK;
}

mrl_err mrl_provision_message_read(enum mrl_provision_format format, mrl_bytes payload,
                                   struct mrl_provision_message *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_provision_message) m = {0};

    MRL_TRY(format == MRL_PROVISION_JSON ? read_json(payload, &m, why)
                                         : read_cbor(payload, &m, why));
    *out = m;
    m = (struct mrl_provision_message){0};
    return MRL_OK;
}

/* --- answers --- */

/* What all answers are made of: texts, a number, an object of texts. */
struct member {
    const char *name;
    mrl_bytes text;
    bool is_number;
    uint64_t number;
    json_t *texts; /* borrowed; NULL: it is a text or number */
};

static mrl_err put_json(json_t *o, const struct member *m)
{
    if (m->texts != NULL)
        return mrl_json_set(o, m->name, json_incref(m->texts));
    return m->is_number ? mrl_json_set_int(o, m->name, (int64_t)m->number)
                        : mrl_json_set_str(o, m->name, m->text);
}

static mrl_err write_json(const struct member *members, size_t count, struct mrl_buf *out)
{
    MRL_AUTO(json_t) o = mrl_json_object();
    mrl_err err = MRL_OK;

    for (size_t i = 0; i < count && err == MRL_OK; i++)
        err = put_json(o, &members[i]);
    if (err == MRL_OK)
        err = mrl_json_write(o, out);
    forget_token(o);
    return err;
}

static void put_cbor_texts(struct mrl_writer *w, json_t *texts)
{
    mrl_cbor_put_map(w, json_object_size(texts));
    for (void *i = json_object_iter(texts); i != NULL; i = json_object_iter_next(texts, i)) {
        const json_t *value = json_object_iter_value(i);

        mrl_cbor_put_text(w, mrl_str(json_object_iter_key(i)));
        mrl_cbor_put_text(w, mrl_bytes_of(json_string_value(value), json_string_length(value)));
    }
}

static void put_cbor(struct mrl_writer *w, const struct member *members, size_t count)
{
    mrl_cbor_put_map(w, count);
    for (size_t i = 0; i < count; i++) {
        mrl_cbor_put_text(w, mrl_str(members[i].name));
        if (members[i].texts != NULL)
            put_cbor_texts(w, members[i].texts);
        else if (members[i].is_number)
            mrl_cbor_put_unsigned(w, members[i].number);
        else
            mrl_cbor_put_text(w, members[i].text);
    }
}

static mrl_err write_cbor(const struct member *members, size_t count, struct mrl_buf *out)
{
    struct mrl_writer w = mrl_writer_counting();
    mrl_bytes written;
    uint8_t *to;

    put_cbor(&w, members, count);
    MRL_TRY(mrl_buf_reserve(out, w.len, &to));
    w = mrl_writer_on(to, w.len);
    put_cbor(&w, members, count);
    MRL_TRY(mrl_writer_end(&w, &written));
    mrl_buf_added(out, written.len);
    return MRL_OK;
}

static mrl_err write(enum mrl_provision_format format, const struct member *members, size_t count,
                     struct mrl_buf *out)
{
    return format == MRL_PROVISION_JSON ? write_json(members, count, out)
                                        : write_cbor(members, count, out);
}

enum { MEMBERS_MAX = 8 };

struct members {
    struct member all[MEMBERS_MAX];
    size_t count;
};

static void add_text(struct members *m, const char *name, mrl_bytes text)
{
    m->all[m->count++] = (struct member){.name = name, .text = text};
}

static void add_number(struct members *m, const char *name, int64_t number)
{
    m->all[m->count++] =
        (struct member){.name = name, .is_number = true, .number = (uint64_t)number};
}

static void add_told(struct members *m, const struct mrl_provision_told *told)
{
    add_number(m, "serverTime", told->time_s);
    if (told->offer == NULL)
        return;
    add_number(m, "renewalStart", told->offer->window.start);
    add_number(m, "renewalEnd", told->offer->window.end);
    add_number(m, "renewalGrace", (int64_t)told->offer->grace_s);
}

mrl_err mrl_provision_write_certificate(enum mrl_provision_format format, mrl_bytes id,
                                        mrl_bytes pem, mrl_bytes token,
                                        const struct mrl_provision_told *told, struct mrl_buf *out)
{
    struct members m = {.count = 0};

    add_text(&m, "certificateId", id);
    add_text(&m, "certificatePem", pem);
    add_text(&m, token_member, token);
    add_told(&m, told);
    return write(format, m.all, m.count, out);
}

mrl_err mrl_provision_write_thing(enum mrl_provision_format format, mrl_bytes device,
                                  json_t *configuration, const struct mrl_provision_told *told,
                                  struct mrl_buf *out)
{
    struct members m = {.count = 0};

    m.all[m.count++] = (struct member){.name = "deviceConfiguration", .texts = configuration};
    add_text(&m, "thingName", device);
    add_told(&m, told);
    return write(format, m.all, m.count, out);
}

mrl_err mrl_provision_write_error(enum mrl_provision_format format,
                                  const struct mrl_provision_error *error, struct mrl_buf *out)
{
    struct members m = {.count = 0};

    add_number(&m, "statusCode", error->status);
    add_text(&m, "errorCode", mrl_str(error->code));
    add_text(&m, "errorMessage", mrl_str(error->message));
    if (error->retry_after_s > 0)
        add_number(&m, "retryAfter", error->retry_after_s);
    return write(format, m.all, m.count, out);
}
