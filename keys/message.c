/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/message.h"

/* The status byte. Its order is part of the protocol; enum mrl_err may change freely. */
static const mrl_err wire_status[] = {MRL_OK,          MRL_ERR_MALFORMED, MRL_ERR_LIMIT,
                                      MRL_ERR_DENIED,  MRL_ERR_INVALID,   MRL_ERR_BUSY,
                                      MRL_ERR_STATE,   MRL_ERR_IO,        MRL_ERR_CRYPTO,
                                      MRL_ERR_CORRUPT, MRL_ERR_NO_SPACE};

static uint8_t status_to_wire(mrl_err err)
{
    for (size_t i = 0; i < MRL_COUNT(wire_status); i++)
        if (wire_status[i] == err)
            return (uint8_t)i;
    return status_to_wire(MRL_ERR_CRYPTO); /* any other failure: something inside did not work */
}

static mrl_err read_status(struct mrl_reader *r, mrl_err *out)
{
    uint8_t number;

    MRL_TRY(mrl_read_u8(r, &number));
    MRL_ENSURE(number < MRL_COUNT(wire_status), MRL_ERR_MALFORMED);
    *out = wire_status[number];
    return MRL_OK;
}

/* A blob16 whose length is within [least, most]. */
static mrl_err read_limited(struct mrl_reader *r, size_t least, size_t most, mrl_bytes *out)
{
    mrl_bytes blob;

    MRL_TRY(mrl_read_blob16(r, &blob));
    MRL_ENSURE(blob.len >= least && blob.len <= most, MRL_ERR_MALFORMED);
    *out = blob;
    return MRL_OK;
}

static mrl_err read_exact(struct mrl_reader *r, size_t len, mrl_bytes *out)
{
    return read_limited(r, len, len, out);
}

static mrl_err read_bool(struct mrl_reader *r, bool *out)
{
    uint8_t value;

    MRL_TRY(mrl_read_u8(r, &value));
    MRL_ENSURE(value <= 1, MRL_ERR_MALFORMED);
    *out = value == 1;
    return MRL_OK;
}

static mrl_err read_time(struct mrl_reader *r, int64_t *out)
{
    uint64_t value;

    MRL_TRY(mrl_read_u64(r, &value));
    MRL_ENSURE(value <= INT64_MAX, MRL_ERR_MALFORMED); /* nothing is valid before 1970 */
    *out = (int64_t)value;
    return MRL_OK;
}

static void put_list(struct mrl_writer *w, const mrl_bytes *items, size_t count)
{
    if (count > MRL_KEYS_NAMES_MAX) {
        w->overflow = true;
        return;
    }
    mrl_put_u8(w, (uint8_t)count);
    for (size_t i = 0; i < count; i++)
        mrl_put_blob16(w, items[i]);
}

static mrl_err read_list(struct mrl_reader *r, size_t least, size_t most, mrl_bytes *items,
                         size_t *count)
{
    uint8_t n;

    MRL_TRY(mrl_read_u8(r, &n));
    MRL_ENSURE(n <= MRL_KEYS_NAMES_MAX, MRL_ERR_MALFORMED);
    for (size_t i = 0; i < n; i++)
        MRL_TRY(read_limited(r, least, most, &items[i]));
    *count = n;
    return MRL_OK;
}

/* Requests. */

static void put_nothing(const struct mrl_keys_request *q, struct mrl_writer *w)
{
    (void)q;
    (void)w;
}

static mrl_err read_nothing(struct mrl_reader *r, struct mrl_keys_request *q)
{
    (void)r;
    (void)q;
    return MRL_OK;
}

static void put_issue(const struct mrl_keys_request *q, struct mrl_writer *w)
{
    const struct mrl_keys_issue *i = &q->issue;

    mrl_put_u8(w, (uint8_t)i->kind);
    mrl_put_blob16(w, i->id);
    mrl_put_blob16(w, i->spki);
    mrl_put_u64(w, (uint64_t)i->not_before);
    mrl_put_u64(w, (uint64_t)i->not_after);
    put_list(w, i->dns, i->dns_count);
    put_list(w, i->ip, i->ip_count);
}

static mrl_err read_kind(struct mrl_reader *r, enum mrl_keys_kind *out)
{
    uint8_t kind;

    MRL_TRY(mrl_read_u8(r, &kind));
    MRL_ENSURE(kind >= MRL_KEYS_DEVICE && kind < MRL_KEYS_KIND_END_, MRL_ERR_MALFORMED);
    *out = (enum mrl_keys_kind)kind;
    return MRL_OK;
}

static mrl_err read_issue(struct mrl_reader *r, struct mrl_keys_request *q)
{
    struct mrl_keys_issue *i = &q->issue;

    MRL_TRY(read_kind(r, &i->kind));
    MRL_TRY(read_limited(r, 1, MRL_KEYS_ID_MAX, &i->id));
    MRL_TRY(read_limited(r, 1, MRL_KEYS_SPKI_MAX, &i->spki));
    MRL_TRY(read_time(r, &i->not_before));
    MRL_TRY(read_time(r, &i->not_after));
    MRL_TRY(read_list(r, 1, MRL_KEYS_DNS_MAX, i->dns, &i->dns_count));
    MRL_TRY(read_list(r, 4, 16, i->ip, &i->ip_count));
    for (size_t n = 0; n < i->ip_count; n++)
        MRL_ENSURE(i->ip[n].len == 4 || i->ip[n].len == 16, MRL_ERR_MALFORMED);
    return MRL_OK;
}

static void put_checkpoint(const struct mrl_keys_request *q, struct mrl_writer *w)
{
    const struct mrl_keys_checkpoint *c = &q->checkpoint;

    mrl_put_u64(w, c->old);
    mrl_put_u64(w, c->size);
    mrl_put_blob16(w, c->root);
    mrl_put_blob16(w, c->proof);
    mrl_put_blob16(w, c->note);
}

static mrl_err read_checkpoint(struct mrl_reader *r, struct mrl_keys_request *q)
{
    struct mrl_keys_checkpoint *c = &q->checkpoint;

    MRL_TRY(mrl_read_u64(r, &c->old));
    MRL_TRY(mrl_read_u64(r, &c->size));
    MRL_TRY(read_exact(r, MRL_KEYS_HASH_SIZE, &c->root));
    MRL_TRY(read_limited(r, 0, (size_t)MRL_KEYS_PROOF_MAX * MRL_KEYS_HASH_SIZE, &c->proof));
    MRL_ENSURE(c->proof.len % MRL_KEYS_HASH_SIZE == 0, MRL_ERR_MALFORMED);
    return read_limited(r, 0, MRL_KEYS_NOTE_MAX, &c->note);
}

static void put_wrap(const struct mrl_keys_request *q, struct mrl_writer *w)
{
    mrl_put_blob16(w, q->wrap.context);
    mrl_put_blob16(w, q->wrap.key);
}

static mrl_err read_wrap(struct mrl_reader *r, struct mrl_keys_request *q)
{
    MRL_TRY(read_limited(r, 1, MRL_KEYS_CONTEXT_MAX, &q->wrap.context));
    return read_exact(r, MRL_KEYS_WRAPPED_SIZE, &q->wrap.key);
}

static void put_crl(const struct mrl_keys_request *q, struct mrl_writer *w)
{
    const struct mrl_keys_crl *c = &q->crl;

    mrl_put_u8(w, (uint8_t)c->step);
    if (c->step == MRL_KEYS_CRL_ADD)
        mrl_put_blob16(w, c->entries);
    if (c->step != MRL_KEYS_CRL_BEGIN)
        return;
    mrl_put_blob16(w, c->ca);
    mrl_put_u8(w, (uint8_t)c->kind);
    mrl_put_u8(w, c->shard);
    mrl_put_u64(w, c->number);
    mrl_put_u64(w, c->base);
    mrl_put_u64(w, (uint64_t)c->this_update);
    mrl_put_u64(w, (uint64_t)c->next_update);
    mrl_put_u64(w, c->entries_len);
}

static mrl_err read_crl_begin(struct mrl_reader *r, struct mrl_keys_crl *c)
{
    uint8_t kind;

    MRL_TRY(read_limited(r, 1, MRL_KEYS_CA_MAX, &c->ca));
    MRL_TRY(mrl_read_u8(r, &kind));
    MRL_ENSURE(kind >= MRL_KEYS_CRL_FULL && kind < MRL_KEYS_CRL_KIND_END_, MRL_ERR_MALFORMED);
    c->kind = (enum mrl_keys_crl_kind)kind;
    MRL_TRY(mrl_read_u8(r, &c->shard));
    MRL_TRY(mrl_read_u64(r, &c->number));
    MRL_TRY(mrl_read_u64(r, &c->base));
    MRL_TRY(read_time(r, &c->this_update));
    MRL_TRY(read_time(r, &c->next_update));
    return mrl_read_u64(r, &c->entries_len);
}

static mrl_err read_crl(struct mrl_reader *r, struct mrl_keys_request *q)
{
    struct mrl_keys_crl *c = &q->crl;
    uint8_t step;

    MRL_TRY(mrl_read_u8(r, &step));
    MRL_ENSURE(step >= MRL_KEYS_CRL_BEGIN && step < MRL_KEYS_CRL_STEP_END_, MRL_ERR_MALFORMED);
    c->step = (enum mrl_keys_crl_step)step;
    if (c->step == MRL_KEYS_CRL_BEGIN)
        return read_crl_begin(r, c);
    if (c->step == MRL_KEYS_CRL_ADD)
        return read_limited(r, 1, MRL_KEYS_CRL_ENTRIES_MAX, &c->entries);
    return MRL_OK;
}

static void put_unwrap(const struct mrl_keys_request *q, struct mrl_writer *w)
{
    mrl_put_blob16(w, q->unwrap.context);
    mrl_put_blob16(w, q->unwrap.sealed);
}

static mrl_err read_unwrap(struct mrl_reader *r, struct mrl_keys_request *q)
{
    MRL_TRY(read_limited(r, 1, MRL_KEYS_CONTEXT_MAX, &q->unwrap.context));
    return read_limited(r, 1, MRL_KEYS_SEALED_MAX, &q->unwrap.sealed);
}

/* Answers. */

static void put_no_answer(const struct mrl_keys_answer *a, struct mrl_writer *w)
{
    (void)a;
    (void)w;
}

static mrl_err read_no_answer(struct mrl_reader *r, struct mrl_keys_answer *a)
{
    (void)r;
    (void)a;
    return MRL_OK;
}

static void put_facts(const struct mrl_keys_answer *a, struct mrl_writer *w)
{
    const struct mrl_keys_facts *f = &a->facts;

    mrl_put_blob16(w, f->root_cert);
    mrl_put_blob16(w, f->issuing_cert);
    mrl_put_blob16(w, f->audit_key);
    mrl_put_blob16(w, f->tenant);
    mrl_put_u16(w, f->landlock_abi);
    mrl_put_u8(w, f->root_exported);
    mrl_put_u64(w, f->served);
    mrl_put_u64(w, f->refused);
    mrl_put_u64(w, f->malformed);
}

static mrl_err read_facts(struct mrl_reader *r, struct mrl_keys_answer *a)
{
    struct mrl_keys_facts *f = &a->facts;

    MRL_TRY(mrl_read_blob16(r, &f->root_cert));
    MRL_TRY(mrl_read_blob16(r, &f->issuing_cert));
    MRL_TRY(read_exact(r, MRL_KEYS_AUDIT_KEY_SIZE, &f->audit_key));
    MRL_TRY(mrl_read_blob16(r, &f->tenant));
    MRL_TRY(mrl_read_u16(r, &f->landlock_abi));
    MRL_TRY(read_bool(r, &f->root_exported));
    MRL_TRY(mrl_read_u64(r, &f->served));
    MRL_TRY(mrl_read_u64(r, &f->refused));
    return mrl_read_u64(r, &f->malformed);
}

static void put_answer_bytes(const struct mrl_keys_answer *a, struct mrl_writer *w)
{
    mrl_put_blob16(w, a->bytes);
}

static mrl_err read_answer_bytes(struct mrl_reader *r, struct mrl_keys_answer *a)
{
    return mrl_read_blob16(r, &a->bytes);
}

static mrl_err read_signature(struct mrl_reader *r, struct mrl_keys_answer *a)
{
    return read_exact(r, MRL_KEYS_SIGNATURE_SIZE, &a->bytes);
}

static mrl_err read_key(struct mrl_reader *r, struct mrl_keys_answer *a)
{
    return read_exact(r, MRL_KEYS_WRAPPED_SIZE, &a->bytes);
}

struct body_rule {
    void (*put)(const struct mrl_keys_request *q, struct mrl_writer *w);
    mrl_err (*read)(struct mrl_reader *r, struct mrl_keys_request *q);
    void (*put_answer)(const struct mrl_keys_answer *a, struct mrl_writer *w);
    mrl_err (*read_answer)(struct mrl_reader *r, struct mrl_keys_answer *a);
};

static const struct body_rule rules[MRL_KEYS_TYPE_END_] = {
    [MRL_KEYS_PING] = {put_nothing, read_nothing, put_no_answer, read_no_answer},
    [MRL_KEYS_INFO] = {put_nothing, read_nothing, put_facts, read_facts},
    [MRL_KEYS_ISSUE] = {put_issue, read_issue, put_answer_bytes, read_answer_bytes},
    [MRL_KEYS_WRAP] = {put_wrap, read_wrap, put_answer_bytes, read_answer_bytes},
    [MRL_KEYS_UNWRAP] = {put_unwrap, read_unwrap, put_answer_bytes, read_key},
    [MRL_KEYS_SIGN_CHECKPOINT] = {put_checkpoint, read_checkpoint, put_answer_bytes,
                                  read_signature},
    [MRL_KEYS_SIGN_CRL] = {put_crl, read_crl, put_answer_bytes, read_answer_bytes},
};

static bool known_type(unsigned type)
{
    return type >= MRL_KEYS_PING && type < MRL_KEYS_TYPE_END_;
}

static void put_header(struct mrl_writer *w, unsigned type, uint64_t id)
{
    mrl_put_u8(w, MRL_KEYS_VERSION);
    mrl_put_u8(w, (uint8_t)type);
    mrl_put_u64(w, id);
}

static mrl_err read_header(struct mrl_reader *r, uint8_t *type, uint64_t *id)
{
    uint8_t version;

    MRL_ENSURE(r->in.len <= MRL_KEYS_MESSAGE_MAX, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_u8(r, &version));
    MRL_ENSURE(version == MRL_KEYS_VERSION, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_u8(r, type));
    return mrl_read_u64(r, id);
}

bool mrl_keys_peek(mrl_bytes message, uint8_t *type, uint64_t *id)
{
    struct mrl_reader r = {message};

    return read_header(&r, type, id) == MRL_OK;
}

mrl_err mrl_keys_write_request(const struct mrl_keys_request *q, struct mrl_writer *to)
{
    mrl_bytes written;

    MRL_ENSURE(known_type(q->type), MRL_ERR_INVALID);
    put_header(to, q->type, q->id);
    rules[q->type].put(q, to);
    return mrl_writer_end(to, &written);
}

mrl_err mrl_keys_read_request(mrl_bytes message, struct mrl_keys_request *out)
{
    struct mrl_reader r = {message};
    struct mrl_keys_request q = {0};
    uint8_t type;

    MRL_TRY(read_header(&r, &type, &q.id));
    MRL_ENSURE(known_type(type), MRL_ERR_MALFORMED);
    q.type = (enum mrl_keys_type)type;
    MRL_TRY(rules[type].read(&r, &q));
    MRL_TRY(mrl_reader_end(&r));
    *out = q;
    return MRL_OK;
}

/* An error answer may also stand for a type that is not known: it has no body but its sentence. */
mrl_err mrl_keys_write_answer(const struct mrl_keys_answer *a, struct mrl_writer *to)
{
    mrl_bytes written;

    MRL_ENSURE(a->status != MRL_OK || known_type(a->type), MRL_ERR_INVALID);
    put_header(to, (unsigned)a->type | MRL_KEYS_REPLY, a->id);
    mrl_put_u8(to, status_to_wire(a->status));
    if (a->status == MRL_OK)
        rules[a->type].put_answer(a, to);
    else
        mrl_put_blob16(to, mrl_bytes_sub(a->why, 0, UINT8_MAX));
    return mrl_writer_end(to, &written);
}

mrl_err mrl_keys_read_answer(mrl_bytes message, struct mrl_keys_answer *out)
{
    struct mrl_reader r = {message};
    struct mrl_keys_answer a = {0};
    uint8_t type;

    MRL_TRY(read_header(&r, &type, &a.id));
    MRL_ENSURE((type & MRL_KEYS_REPLY) != 0, MRL_ERR_MALFORMED);
    type = (uint8_t)(type & ~MRL_KEYS_REPLY);
    a.type = (enum mrl_keys_type)type;
    MRL_TRY(read_status(&r, &a.status));
    if (a.status != MRL_OK) {
        MRL_TRY(read_limited(&r, 0, UINT8_MAX, &a.why));
    } else {
        MRL_ENSURE(known_type(type), MRL_ERR_MALFORMED);
        MRL_TRY(rules[type].read_answer(&r, &a));
    }
    MRL_TRY(mrl_reader_end(&r));
    *out = a;
    return MRL_OK;
}
