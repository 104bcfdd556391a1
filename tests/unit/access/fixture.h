/* SPDX-License-Identifier: Apache-2.0 */
/* A store with the tables of audit, access and devices in a folder of its own, and its roles. */
#ifndef MRL_TESTS_ACCESS_FIXTURE_H
#define MRL_TESTS_ACCESS_FIXTURE_H

#include "access/roles.h"
#include "audit/audit.h"
#include "audit/read.h"
#include <string.h>

#include "devices/denied_key.h"
#include "devices/expectation.h"
#include "devices/psk.h"
#include "devices/wipe.h"
#include "tests/unit/audit/log_fixture.h"

static const struct mrl_actor admin = {MRL_ACTOR_OPERATOR, MRL_LIT_INIT("root"),
                                       MRL_LIT_INIT("unix:uid=0"), MRL_LIT_INIT("unix"),
                                       MRL_LIT_INIT("r1")};

/* Of a module that stands on these, set before the fixture is. */
static const struct mrl_migration_list *duties_more MRL_UNUSED;

/* The log of the store that is open. */
static struct log_on_store duties_log MRL_UNUSED;

static inline struct mrl_store *duties_store(const struct place *p)
{
    struct mrl_migration_list lists[8] = {mrl_audit_migrations,       mrl_access_migrations,
                                          mrl_devices_migrations,     mrl_psk_migrations,
                                          mrl_expectation_migrations, mrl_denied_key_migrations,
                                          mrl_wipe_migrations};
    struct mrl_store_options o = {.path = p->path, .migrations = lists, .migrations_count = 7};
    struct mrl_store *s = NULL;
    struct mrl_why why = {{0}};

    if (duties_more != NULL)
        lists[o.migrations_count++] = *duties_more;
    if (mrl_store_open(&o, &s, &why) != MRL_OK)
        fail_msg("%s", why.text);
    log_open(&duties_log, s, /*sealer=*/NULL);
    return s;
}

static inline void duties_close(struct mrl_store *s)
{
    log_close(&duties_log);
    mrl_store_close(s);
}

/* At the least a message can be. */
static inline bool may_publish(const struct mrl_policy *p, const struct mrl_subject *who,
                               mrl_bytes topic)
{
    return mrl_policy_may_publish(p, who, topic, /*needs=*/0);
}

static inline bool may_subscribe(const struct mrl_policy *p, const struct mrl_subject *who,
                                 mrl_bytes filter)
{
    uint8_t qos = 0;

    return mrl_policy_may_subscribe(p, who, filter, &qos);
}

struct audit_count {
    const char *action;
    size_t count;
    char last[1024];
};

/* The text and behind it what is committed to, as it would stand in the text. */
static inline mrl_err audit_each(void *context, const struct mrl_audit_row *row)
{
    struct audit_count *c = context;

    c->count++;
    (void)snprintf(c->last, sizeof(c->last), "%.*s", MRL_FMT(row->json));
    for (size_t i = 0; i < row->opened->count; i++) {
        const struct mrl_audit_opening *o = &row->opened->at[i];
        mrl_bytes name = mrl_bytes_eq(o->field, MRL_LIT("actor.id")) ? MRL_LIT("id") : o->field;

        (void)snprintf(&c->last[strlen(c->last)], sizeof(c->last) - strlen(c->last),
                       " \"%.*s\":\"%.*s\"", MRL_FMT(name), MRL_FMT(o->value));
    }
    return MRL_OK;
}

static inline mrl_err audit_run(struct mrl_tx *tx, void *context)
{
    const struct audit_count *c = context;
    const struct mrl_audit_filter f = {.action_prefix = mrl_str(c->action),
                                       .limit = MRL_AUDIT_LIST_MAX};

    return mrl_audit_list(tx, &f, audit_each, context);
}

/* How many entries of this action there are; the newest must hold each of the texts. */
static inline size_t audited(struct mrl_store *s, const char *action, const char *holds)
{
    struct audit_count c = {.action = action};

    assert_ok(mrl_store_read(s, audit_run, &c));
    if (holds != NULL && strstr(c.last, holds) == NULL)
        fail_msg("%s does not hold %s", c.last, holds);
    return c.count;
}

#endif
