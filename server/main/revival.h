/* SPDX-License-Identifier: Apache-2.0 */
/* The key process comes back: after its death, and when an operator wants it to read its keystore
 * anew. Meanwhile known devices are served as before; who wants a certificate is told to come
 * again, and checkpoints of the audit log wait. Layer: main. */
#ifndef MRL_MAIN_REVIVAL_H
#define MRL_MAIN_REVIVAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/loop.h"
#include "net/service.h"

struct mrl_server;

enum {
    MRL_REVIVAL_FIRST_MS = 200,  /* the first try comes after this */
    MRL_REVIVAL_LEND_MS = 500,   /* a reload leaves the keystore to others for so long */
    MRL_REVIVAL_MOST_MS = 60000, /* each further one after twice as long, up to this */
};

struct mrl_revival {
    struct mrl_watch died;  /* main thread: of the key process there is */
    pthread_mutex_t lock;   /* one start at a time */
    struct mrl_job job;     /* one try */
    _Atomic bool busy;      /* job is under way */
    _Atomic bool down;      /* there is no key process */
    _Atomic bool reloading; /* the end of the present one is no death */
    _Atomic bool hopeless;  /* nobody can start one */
    _Atomic bool fresh;     /* there is another one, which main has to watch */
    bool recorded;          /* keys.lost is in the log; under lock */
    uint64_t next_ms;       /* main: when to try again */
    uint64_t wait_ms;       /* main: how long after that */
};

void mrl_revival_init(struct mrl_revival *r);
void mrl_revival_done(struct mrl_revival *r);
/* [main] Of the process behind s->keys. */
mrl_err mrl_revival_watch(struct mrl_server *s);
/* [main] Once a second. */
void mrl_revival_tick(struct mrl_server *s);
/* [main] Nothing is watched any more. */
void mrl_revival_stop(struct mrl_server *s);
/* [any] */
bool mrl_revival_is_down(const struct mrl_server *s);
/* [service] Ends the key process and starts another. MRL_ERR_UNSUPPORTED: nobody can; else the
 * tries go on by themselves. */
mrl_err mrl_revival_reload(void *server, struct mrl_why *why);

#endif
