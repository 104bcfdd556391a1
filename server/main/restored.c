/* SPDX-License-Identifier: Apache-2.0 */
#include "main/restored.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "access/actor.h"
#include "base/clock.h"
#include "base/json.h"
#include "main/housekeeping.h"

static const struct mrl_json_limits limits = {.bytes = MRL_RESTORED_MARK_MAX, .depth = 4};

mrl_err mrl_restored_read(mrl_bytes text, struct mrl_restored *out, struct mrl_why *why)
{
    static const char *const members[] = {"audit_size", "created", NULL};
    MRL_AUTO(json_t) o = NULL;
    struct mrl_restored r;

    MRL_TRY(mrl_json_read(text, &limits, &o, why));
    MRL_TRY(mrl_json_only(o, members, why));
    MRL_TRY(mrl_json_get_int(o, "created", 0, INT64_MAX, &r.created_ms, why));
    MRL_TRY(mrl_json_get_int(o, "audit_size", 0, INT64_MAX, &r.audit_size, why));
    *out = r;
    return MRL_OK;
}

/* MRL_ERR_NOT_FOUND: no mark. */
static mrl_err read_mark(const char *path, struct mrl_restored *out, struct mrl_why *why)
{
    uint8_t text[MRL_RESTORED_MARK_MAX + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n;

    if (fd < 0 && errno == ENOENT)
        return MRL_ERR_NOT_FOUND;
    n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (n < 0)
        (void)mrl_fail(why, MRL_ERR_IO, "%s: %s", path, strerrordesc_np(errno));
    if (fd >= 0)
        (void)close(fd); /* only read */
    MRL_ENSURE(n >= 0, MRL_ERR_IO);
    if (mrl_restored_read(mrl_bytes_of(text, (size_t)n), out, NULL) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT, "%s: not written by  merlon backup restore", path);
    return MRL_OK;
}

static mrl_err refuse(const struct mrl_restored *r, struct mrl_why *why)
{
    char time[MRL_TIME_TEXT];

    mrl_time_format(r->created_ms, time);
    return mrl_fail(why, MRL_ERR_STATE,
                    "the store is out of a backup of %s with %lld audit entries; what happened "
                    "later is not in it; to go on: merlond run --accept-rollback REASON",
                    time, (long long)r->audit_size);
}

static mrl_err enter(struct mrl_server *s, const struct mrl_restored *r, const char *time)
{
    static const struct mrl_actor system = {.kind = MRL_ACTOR_SYSTEM,
                                            .id = MRL_LIT_INIT("merlond")};
    struct mrl_audit_event e =
        mrl_actor_event(&system, MRL_AUDIT_BACKUP_RESTORED, MRL_LIT("store"));
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_INT("audit_size", r->audit_size),
        MRL_AUDIT_TEXT("backup_created", mrl_str(time)),
    };

    e.reason = mrl_str(s->accept_rollback);
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_housekeeping_record(s, &e);
}

/* Stopped between the two, the next start asks again and enters it again. */
static mrl_err settle(struct mrl_server *s, const struct mrl_restored *r, const char *path,
                      struct mrl_why *why)
{
    char time[MRL_TIME_TEXT];
    mrl_err err;

    mrl_time_format(r->created_ms, time);
    err = enter(s, r, time);
    if (err != MRL_OK)
        return mrl_fail(why, err, "cannot enter the restored backup into the audit log");
    if (unlink(path) != 0)
        return mrl_fail(why, MRL_ERR_IO, "%s: %s", path, strerrordesc_np(errno));
    return MRL_OK;
}

mrl_err mrl_restored_check(struct mrl_server *s, const struct mrl_paths *paths, struct mrl_why *why)
{
    char path[MRL_PATH + sizeof("/restored")];
    struct mrl_restored r;
    mrl_err err;

    (void)snprintf(path, sizeof(path), "%s/restored", paths->store);
    err = read_mark(path, &r, why);
    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    return s->accept_rollback == NULL ? refuse(&r, why) : settle(s, &r, path, why);
}
