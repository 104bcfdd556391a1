/* SPDX-License-Identifier: Apache-2.0 */
#include "export/export.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "export/cursor.h"
#include "export/files.h"
#include "export/follower.h"
#include "export/syslog.h"
#include "net/address.h"

struct mrl_exports {
    const struct mrl_export_config *configs;
    size_t count;
    struct mrl_store *store;
    struct mrl_audit *audit;
    struct mrl_follower *followers[MRL_EXPORTS_MAX];
    _Atomic bool lagging[MRL_EXPORTS_MAX];
};

const char *mrl_export_kind_name(enum mrl_export_kind kind)
{
    return kind == MRL_EXPORT_FILE ? "file" : "syslog";
}

static bool is_name(mrl_bytes name)
{
    if (name.len == 0 || name.len > MRL_EXPORT_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];

        if (c != '-' && c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9'))
            return false;
    }
    return true;
}

static mrl_err check_file(const struct mrl_export_config *c, struct mrl_why *why)
{
    if (!mrl_bytes_starts(c->path, MRL_LIT("/")))
        return mrl_fail(why, MRL_ERR_INVALID, "path: the file, from / on");
    return MRL_OK;
}

static mrl_err check_syslog(const struct mrl_export_config *c, struct mrl_why *why)
{
    const struct mrl_syslog_style style = {c->hostname, c->sd_id, c->message_bytes};
    MRL_SCOPED(mrl_cert_list) roots = {0};
    mrl_bytes host;
    uint16_t port;

    if (c->server.len == 0 || c->ca_file.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "server and ca_file: both are needed for syslog");
    if ((c->certificate_file.len == 0) != (c->key_file.len == 0))
        return mrl_fail(why, MRL_ERR_INVALID, "certificate_file and key_file: both or none");
    MRL_TRY(mrl_syslog_style_check(&style, why));
    MRL_TRY(mrl_address_split(c->server, &host, &port, why));
    return mrl_export_read_certificates(&c->ca_file, &roots, why);
}

static mrl_err check_one(const struct mrl_export_config *c, struct mrl_why *why)
{
    if (!is_name(c->name))
        return mrl_fail(why, MRL_ERR_INVALID, "name: 1 to %d of a-z, 0-9, - and _",
                        MRL_EXPORT_NAME_MAX);
    return c->kind == MRL_EXPORT_FILE ? check_file(c, why) : check_syslog(c, why);
}

static mrl_err check_all(const struct mrl_export_config *configs, size_t count, struct mrl_why *why)
{
    if (count > MRL_EXPORTS_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "at most %d exports", MRL_EXPORTS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct mrl_why part = {""};
        mrl_err err = check_one(&configs[i], &part);

        for (size_t j = 0; err == MRL_OK && j < i; j++)
            if (mrl_bytes_eq(configs[i].name, configs[j].name))
                err = mrl_fail(&part, MRL_ERR_INVALID, "name: given twice");
        if (err != MRL_OK)
            return mrl_fail(why, MRL_ERR_INVALID, "export %.*s: %.200s", MRL_FMT(configs[i].name),
                            part.text);
    }
    return MRL_OK;
}

mrl_err mrl_exports_new(const struct mrl_export_config *configs, size_t count,
                        struct mrl_store *store, struct mrl_audit *audit, struct mrl_exports **out,
                        struct mrl_why *why)
{
    struct mrl_exports *e;

    MRL_TRY(check_all(configs, count, why));
    e = calloc(1, sizeof(*e));
    if (e == NULL)
        abort();
    e->configs = configs;
    e->count = count;
    e->store = store;
    e->audit = audit;
    *out = e;
    return MRL_OK;
}

mrl_err mrl_exports_start(struct mrl_exports *e, struct mrl_why *why)
{
    for (size_t i = 0; i < e->count; i++)
        if (mrl_follower_start(&e->configs[i], e->store, e->audit, &e->followers[i]) != MRL_OK)
            return mrl_fail(why, MRL_ERR_IO, "no thread for export %.*s",
                            MRL_FMT(e->configs[i].name));
    return MRL_OK;
}

void mrl_exports_stop(struct mrl_exports *e)
{
    for (size_t i = 0; e != NULL && i < e->count; i++)
        mrl_follower_free(MRL_TAKE(e->followers[i]));
}

void mrl_exports_free(struct mrl_exports *e)
{
    free(e);
}

uint64_t mrl_export_lag(const struct mrl_export_status *s)
{
    return s->newest > s->sent ? s->newest - s->sent : 0;
}

static void raise_alarm(struct mrl_exports *e, const struct mrl_export_status *s, uint64_t limit)
{
    const struct mrl_audit_detail details[] = {MRL_AUDIT_INT("lag", mrl_export_lag(s)),
                                               MRL_AUDIT_INT("limit", limit)};
    const struct mrl_audit_event event = {
        .action = MRL_AUDIT_EXPORT_LAGGING,
        .outcome = MRL_AUDIT_FAILED,
        .actor = {.kind = MRL_ACTOR_SYSTEM, .id = MRL_LIT("merlond")},
        .target = s->name,
        .details = details,
        .details_count = MRL_COUNT(details)};

    mrl_log_error("export.lagging", MRL_FIELD("sink", s->name),
                  MRL_FIELD_INT("lag", mrl_export_lag(s)));
    mrl_audit_record(e->audit, &event, NULL, NULL);
}

/* Down again only at half the limit: a sink at the limit would ring all the time. */
static void judge_lag(struct mrl_exports *e, size_t i, const struct mrl_export_status *s)
{
    uint64_t limit = e->configs[i].lag_alarm;

    if (!e->lagging[i] && mrl_export_lag(s) > limit) {
        e->lagging[i] = true;
        raise_alarm(e, s, limit);
    } else if (e->lagging[i] && mrl_export_lag(s) <= limit / 2) {
        e->lagging[i] = false;
        mrl_log_info("export.caught_up", MRL_FIELD("sink", s->name));
    }
}

void mrl_exports_tick(struct mrl_exports *e)
{
    struct mrl_export_status all[MRL_EXPORTS_MAX];
    size_t count;

    if (e == NULL || mrl_exports_status(e, all, &count) != MRL_OK)
        return; /* a store that cannot be read is reported by those who have to read it */
    for (size_t i = 0; i < count; i++)
        judge_lag(e, i, &all[i]);
}

mrl_err mrl_exports_status(struct mrl_exports *e, struct mrl_export_status out[MRL_EXPORTS_MAX],
                           size_t *count)
{
    uint64_t newest = 0;

    *count = 0;
    if (e == NULL || e->count == 0)
        return MRL_OK;
    MRL_TRY(mrl_export_newest(e->store, &newest));
    for (size_t i = 0; i < e->count; i++) {
        out[i] = (struct mrl_export_status){.name = e->configs[i].name, .kind = e->configs[i].kind};
        if (e->followers[i] != NULL)
            mrl_follower_status(e->followers[i], &out[i]);
        out[i].newest = newest;
        out[i].lagging = e->lagging[i];
    }
    *count = e->count;
    return MRL_OK;
}

uint64_t mrl_export_slowest(const struct mrl_exports *e)
{
    uint64_t slowest = UINT64_MAX;

    for (size_t i = 0; e != NULL && i < e->count; i++) {
        struct mrl_export_status s = {0};

        if (e->followers[i] != NULL)
            mrl_follower_status(e->followers[i], &s);
        if (s.confirmed < slowest)
            slowest = s.confirmed;
    }
    return slowest;
}
