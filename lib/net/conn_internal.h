/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of net/conn share; nobody else includes it. Layer: net. */
#ifndef MRL_NET_CONN_INTERNAL_H
#define MRL_NET_CONN_INTERNAL_H

#include "net/conn.h"
#include "net/record.h"
#include "net/ws_link.h"

enum conn_state {
    CONN_CONNECTING, /* client: TCP or UNIX connect in progress */
    CONN_PEEKING,    /* server: waiting for the first byte */
    CONN_SHAKING,    /* TLS handshake */
    CONN_OPEN,
    CONN_CLOSING,   /* sends what waits, then ends */
    CONN_ENDED,     /* on_closed comes at the end of the turn */
    CONN_LINGERING, /* on_closed is over; lets the peer read our last bytes before the socket goes
                     */
    CONN_DETACHED,
};

struct mrl_conn {
    /* What each message touches comes first: thousands of connections fit in no near cache. */
    struct mrl_later flush; /* end of turn: write what was gathered, or end */
    struct mrl_tls *tls;    /* NULL: UNIX socket, or gone */
    struct mrl_ws_link *ws; /* NULL: the bytes are the user's as they are */
    struct mrl_conns *conns;
    const struct mrl_conn_kind *kind;
    struct mrl_buf out;
    struct mrl_watch watch;
    void *user;
    uint8_t state; /* enum conn_state */
    uint8_t end;   /* enum mrl_conn_end */
    uint8_t refusal;
    bool paused;
    bool shaking; /* counted in conns.handshakes */
    bool blocked; /* the kernel takes no more for now: waits for EPOLLOUT */
    bool read_wants_write;
    bool last_words;   /* the peer should be able to read what was sent last: linger */
    bool batched;      /* the beginning of out is sealed, and sent in this turn */
    uint32_t allowed;  /* bytes that may wait beside the limit, until nothing waits */
    struct mrl_buf in; /* borrowed from conns while it holds bytes; likewise out */

    struct mrl_list node;      /* in conns.all */
    struct mrl_timer deadline; /* of handshake, closing or lingering */
    struct mrl_later show;     /* end of turn: show kept bytes again */
    struct mrl_peer peer;
};

/* Empty buffers that have memory. */
struct mrl_spare {
    struct mrl_buf *stack;
    size_t count, most;
};

enum {
    MRL_BATCH_MOST = 64,
    MRL_BATCH_TEXT = 512, /* of one connection: more is not worth it */
    MRL_BATCH_RECORD = MRL_BATCH_TEXT + MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD,
    MRL_BATCH_BYTES = 16 << 10, /* half of the first cache */
};

struct mrl_batched {
    struct mrl_conn *conn;
    size_t text;    /* bytes of its out */
    size_t at, len; /* of the record in the batch */
};

struct mrl_conn_batch {
    struct mrl_later send;
    size_t count, next, used;
    struct mrl_batched entries[MRL_BATCH_MOST];
    uint8_t data[MRL_BATCH_BYTES];
};

struct mrl_conns {
    struct mrl_conns_config config;
    struct mrl_list all;
    struct mrl_conns_counts counts;
    struct mrl_conn *current; /* shown to its user right now; NULL when it was detached there */
    struct mrl_spare large, small;
    struct mrl_conn_batch batch;
};

/* net/conn_pool.c: buffers of the worker. */
enum { MRL_CONN_OUT = 1024 /* a write most often is a few small packets; it grows */ };
/* A buffer without memory gets some: MRL_TLS_READ to read into, MRL_CONN_OUT to write from. */
void mrl_conns_lend(struct mrl_conns *cs, struct mrl_buf *b, size_t size);
void mrl_conns_take_back(struct mrl_conns *cs, struct mrl_buf *b); /* no memory: no-op */

/* net/conn_open.c: from a new socket to an open connection. */
void mrl_conn_progress(struct mrl_conn *c); /* CONN_CONNECTING, _PEEKING, _SHAKING */
void mrl_conn_stop_handshake(struct mrl_conn *c);
struct mrl_conn *mrl_conn_make(struct mrl_conns *cs, int fd, const struct mrl_peer *peer,
                               const struct mrl_conn_kind *kind, void *user);

/* net/conn_io.c: bytes of an open connection. */
void mrl_conn_readable(struct mrl_conn *c);
void mrl_conn_flush(struct mrl_conn *c); /* CONN_OPEN or CONN_CLOSING */
void mrl_conn_show(struct mrl_conn *c);
bool mrl_conn_has_unshown(const struct mrl_conn *c);
void mrl_conn_update_events(struct mrl_conn *c);
uint32_t mrl_conn_wanted_events(const struct mrl_conn *c); /* CONN_OPEN or CONN_CLOSING */
size_t mrl_conn_backlog_limit(const struct mrl_conn *c);

/* err: of sending so many bytes from the beginning of out, which are gone. */
void mrl_conn_sent(struct mrl_conn *c, size_t bytes, mrl_err err);

/* net/conn_batch.c: what waits is little and others wait too: sealed now, sent with theirs. */
void mrl_conns_batch_init(struct mrl_conns *cs);
bool mrl_conn_batch(struct mrl_conn *c); /* false: it is not, send it alone */
void mrl_conns_send_batch(struct mrl_conns *cs);
/* Before anything else is done to its socket or its keys: what is sealed is sent. Its state may
 * then be another one. */
void mrl_conn_leave_batch(struct mrl_conn *c);

/* net/conn_ws.c: with ws only. read: takes the frames off what came behind `from`; false: there is
 * nothing to show. settle (also without ws): ends a connection whose peer closed or is at fault,
 * once its user saw all. flush: out may be sent as it is. */
bool mrl_conn_ws_read(struct mrl_conn *c, size_t from);
void mrl_conn_ws_settle(struct mrl_conn *c);
mrl_err mrl_conn_ws_flush(struct mrl_conn *c);

/* net/conn.c */
void mrl_conn_finish(struct mrl_conn *c,
                     enum mrl_conn_end end); /* on_closed at the end of the turn */
/* As mrl_conn_close, told as this end; for an open connection. */
void mrl_conn_close_with(struct mrl_conn *c, enum mrl_conn_end end);
void mrl_conn_refuse(struct mrl_conn *c, enum mrl_tls_refusal why);
void mrl_conn_attach_callbacks(struct mrl_conn *c);
void mrl_conn_destroy(struct mrl_conn *c);
void mrl_conn_linger(struct mrl_conn *c);

#endif
