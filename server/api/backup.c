/* SPDX-License-Identifier: Apache-2.0 */
/* Backups: one is made, fetched in pieces at the client's pace, and dropped. */
#include "backup/backup.h"

#include "api/request.h"
#include "audit/audit.h"
#include "base/hex.h"

static const char *const members[] = {"recipients", NULL};

static mrl_err read_recipients(struct mrl_api_request *r, const json_t *body,
                               struct mrl_age_recipient *out, size_t *count)
{
    json_t *list;

    if (mrl_json_get_array(body, "recipients", &list, &r->why) != MRL_OK)
        return MRL_ERR_INVALID; /* also when it is missing */
    *count = json_array_size(list);
    if (*count == 0 || *count > MRL_AGE_RECIPIENTS_MAX)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "recipients: 1 to %d", MRL_AGE_RECIPIENTS_MAX);
    for (size_t i = 0; i < *count; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        if (text == NULL || mrl_age_recipient_read(mrl_str(text), &out[i]) != MRL_OK)
            return mrl_fail(&r->why, MRL_ERR_INVALID,
                            "recipients: number %zu is no age recipient (age1...)", i + 1);
    }
    return MRL_OK;
}

static mrl_err list_recipients(const struct mrl_age_recipient *recipients, size_t count,
                               struct mrl_buf *out)
{
    char text[MRL_AGE_RECIPIENT_TEXT + 1];

    for (size_t i = 0; i < count; i++) {
        MRL_TRY(mrl_age_recipient_write(&recipients[i], text));
        MRL_TRY(mrl_buf_printf(out, i == 0 ? "%s" : " %s", text));
    }
    return MRL_OK;
}

static mrl_err record(struct mrl_api_request *r, const struct mrl_backup_facts *f,
                      mrl_bytes recipients)
{
    struct mrl_audit_event e = mrl_actor_event(&r->actor, MRL_AUDIT_BACKUP_CREATED, mrl_str(f->id));
    char sha256[2 * MRL_SHA256_SIZE + 1];
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_INT("audit_size", f->audit_size),
        MRL_AUDIT_TEXT("recipients", recipients),
        MRL_AUDIT_TEXT("sha256", mrl_bytes_of(sha256, sizeof(sha256) - 1)),
        MRL_AUDIT_INT("size", f->size),
    };

    mrl_hex(mrl_bytes_of(f->sha256, sizeof(f->sha256)), sha256);
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_api_record(r, &e);
}

static mrl_err answer(struct mrl_api_request *r, const struct mrl_backup_facts *f)
{
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "id", mrl_str(f->id));
    mrl_api_put_time(r, o, "created", f->created_ms);
    mrl_api_put_number(r, o, "size", (int64_t)f->size);
    mrl_api_put_hex(r, o, "sha256", mrl_bytes_of(f->sha256, sizeof(f->sha256)));
    mrl_api_put_number(r, o, "database_size", (int64_t)f->database_size);
    mrl_api_put_number(r, o, "audit_size", (int64_t)f->audit_size);
    return mrl_api_answer(r, 201, o);
}

/* A backup that is not in the log is not given out. */
mrl_err mrl_api_backup_create(struct mrl_api_request *r)
{
    struct mrl_age_recipient recipients[MRL_AGE_RECIPIENTS_MAX];
    MRL_AUTO(json_t) body = NULL;
    MRL_SCOPED(mrl_buf) names = {0};
    struct mrl_backup_facts facts;
    size_t count;
    mrl_err err;

    MRL_TRY(mrl_api_body(r, members, &body));
    MRL_TRY(read_recipients(r, body, recipients, &count));
    MRL_TRY(list_recipients(recipients, count, &names));
    MRL_TRY(mrl_backup_make(r->api->backup, recipients, count, &facts, &r->why));
    err = record(r, &facts, mrl_buf_bytes(&names));
    if (err != MRL_OK)
        (void)mrl_backup_drop(r->api->backup, mrl_str(facts.id), NULL); /* err says why */
    MRL_TRY(err);
    return answer(r, &facts);
}

mrl_err mrl_api_backup_read(struct mrl_api_request *r)
{
    uint64_t offset = 0;

    MRL_TRY(mrl_api_query_number(r, "offset", INT64_MAX, &offset));
    MRL_TRY(mrl_backup_read(r->api->backup, r->variables[0], offset, mrl_exchange_answer(r->x),
                            &r->why));
    mrl_exchange_set_header(r->x, "Content-Type", MRL_LIT("application/octet-stream"));
    return MRL_OK;
}

mrl_err mrl_api_backup_drop(struct mrl_api_request *r)
{
    MRL_TRY(mrl_backup_drop(r->api->backup, r->variables[0], &r->why));
    return mrl_api_answer_nothing(r);
}
