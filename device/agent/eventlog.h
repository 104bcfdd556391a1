/* SPDX-License-Identifier: Apache-2.0 */
/* What happened on this device, as a chain of hashes: a line that is changed, taken out or put in
 * breaks it. Layer: device. Thread: one; blocks.
 *
 * One JSON object a line: {"at":"2026-11-23T22:14:38.123Z","event":"connection.up","seq":7,
 * "server":"gate:8883","hash":"<64 hex>"}. hash(n) = SHA-256(hash(n-1) | line n up to ,"hash").
 * The first line of a file is log.begun; its member before is the hash of the line before it (64
 * zeros: there is none), so that a file can be followed when older ones are gone. A cut tail shows
 * only against a head that is kept elsewhere. */
#ifndef MRL_AGENT_EVENTLOG_H
#define MRL_AGENT_EVENTLOG_H

#include "device/agent/disk.h"
#include "device/agent/eventlog_walk.h"

#define MRL_EVENTLOG_FILE "events.log"
#define MRL_EVENTLOG_OLD "events.old.log"
#define MRL_EVENTLOG_BROKEN "events.broken.log"

enum {
    MRL_EVENTLOG_FILE_MAX = 128 << 10, /* then it becomes the old one, which goes */
    MRL_EVENTLOG_VALUE_MAX = 256,      /* bytes of a value; longer ones are cut */
};

/* Both files of dir, for reading and verifying: texts go to out, one after the other. Errors as
 * above and of mrl_disk_read; MRL_ERR_NOT_FOUND: no log. */
mrl_err mrl_eventlog_read(const char *dir, struct mrl_buf *out, struct mrl_eventlog_walk *w,
                          struct mrl_why *why);

struct mrl_eventlog {
    const struct mrl_disk *disk;
    const char *dir;
    int fd; /* -1: closed */
    size_t bytes;
    struct mrl_eventlog_walk at;
};
struct mrl_eventlog_field {
    const char *name; /* sorted before "seq" or after, any but at, before, event, hash, seq */
    mrl_bytes text;
};

/* Verifies what is there. A chain that is broken is put aside as MRL_EVENTLOG_BROKEN, a new one is
 * begun, and log.broken is its second line. Borrows disk and dir. */
mrl_err mrl_eventlog_open(struct mrl_eventlog *l, const struct mrl_disk *disk, const char *dir,
                          struct mrl_why *why);
void mrl_eventlog_close(struct mrl_eventlog *l);
/* One line, on the disk when this returns. After a failure the next one tries to mend it. */
mrl_err mrl_eventlog_add(struct mrl_eventlog *l, const char *event,
                         const struct mrl_eventlog_field *fields, size_t count,
                         struct mrl_why *why);

#endif
