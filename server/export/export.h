/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log goes out: each sink has a follower, a thread that reads committed entries and sends
 * them on. Layer: server/export. Thread: any, except where named.
 *
 * Followers only read, so the log never waits for them: a sink that is slow or down falls behind
 * and catches up. Delivery is at least once: a durable cursor per sink (table export_cursors) moves
 * when the sink confirmed, and what came after it is sent again after a failure of either side.
 * Receivers drop duplicates by the number of the entry. */
#ifndef MRL_EXPORT_EXPORT_H
#define MRL_EXPORT_EXPORT_H

#include "audit/audit.h"

/* For mrl_store_options. */
extern const struct mrl_migration_list mrl_export_migrations;

enum {
    MRL_EXPORTS_MAX = 8,
    MRL_EXPORT_NAME_MAX = 32,
};
enum mrl_export_kind { MRL_EXPORT_FILE, MRL_EXPORT_SYSLOG };

/* One sink. Texts have a NUL behind; all is borrowed until mrl_exports_free. */
struct mrl_export_config {
    mrl_bytes name; /* [a-z0-9_-], fixed: the cursor hangs on it */
    enum mrl_export_kind kind;
    bool from_now; /* a sink without a cursor starts behind the newest entry, not at the oldest */
    bool reveal;   /* with the values of personal fields, else their commitments alone */
    uint64_t lag_alarm; /* entries */
    uint64_t timeout_ms;
    mrl_bytes path; /* FILE */
    /* SYSLOG */
    mrl_bytes server; /* "host:port" */
    mrl_bytes ca_file;
    mrl_bytes certificate_file, key_file; /* both or none: who we are */
    bool bare_close; /* the end of the connection without close_notify confirms, too */
    uint64_t confirm_ms;
    mrl_bytes hostname, sd_id;
    size_t message_bytes;
};

struct mrl_exports;
/* Borrows all until mrl_exports_free. MRL_ERR_INVALID with why: a sink that cannot work. Gives
 * *out; nothing runs yet. */
mrl_err mrl_exports_new(const struct mrl_export_config *configs, size_t count,
                        struct mrl_store *store, struct mrl_audit *audit, struct mrl_exports **out,
                        struct mrl_why *why);
/* After the audit log is open: starts the followers. */
mrl_err mrl_exports_start(struct mrl_exports *e, struct mrl_why *why);
/* Stops and joins them, before the audit log and the store are closed. What is not sent yet stays
 * for the next start. NULL is fine. */
void mrl_exports_stop(struct mrl_exports *e);
void mrl_exports_free(struct mrl_exports *e); /* stopped; NULL is fine */
MRL_AUTO_DEFINE(mrl_exports);

/* Each second or so [service]: raises the alarm of sinks that lag past their limit. */
void mrl_exports_tick(struct mrl_exports *e);

struct mrl_export_status {
    mrl_bytes name; /* borrowed from the configuration */
    enum mrl_export_kind kind;
    bool works;         /* the last attempt did */
    bool lagging;       /* the alarm is raised */
    uint64_t newest;    /* entry of the log */
    uint64_t sent;      /* last entry that left */
    uint64_t confirmed; /* last entry that is safe at the other side */
    int64_t since_ms;   /* wall time of the last change of works; 0: no attempt yet */
    struct mrl_why why; /* when it does not work */
};
/* The state of each sink, in the order of the configuration. [service] */
mrl_err mrl_exports_status(struct mrl_exports *e, struct mrl_export_status out[MRL_EXPORTS_MAX],
                           size_t *count);
/* Entries of the log that have not left. */
uint64_t mrl_export_lag(const struct mrl_export_status *s);
/* "file", "syslog". */
const char *mrl_export_kind_name(enum mrl_export_kind kind);
/* Entries after this one are not confirmed by every configured sink: pruning keeps them unless it
 * is forced. UINT64_MAX without sinks or for NULL. */
uint64_t mrl_export_slowest(const struct mrl_exports *e);

#endif
