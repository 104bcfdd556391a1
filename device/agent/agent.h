/* SPDX-License-Identifier: Apache-2.0 */
/* The agent at work, as its own files see it: run.c (the loop and the connection), run_renewal.c.
 * Layer: device. Thread: one. */
#ifndef MRL_AGENT_AGENT_H
#define MRL_AGENT_AGENT_H

#include "device/agent/eventlog.h"
#include "device/agent/link.h"
#include "device/agent/queue.h"
#include "device/agent/readings.h"
#include "device/agent/run.h"
#include "device/agent/wiping.h"
#include "merlon/backoff.h"

struct mrl_agent {
    struct mrl_home *home;
    int signals;
    bool stopping;
    struct mrl_link link;
    struct merlon_backoff reconnect;
    uint64_t open_at_ms; /* monotonic: when to try to connect */
    bool seen_server;    /* once connected: the session is kept from then on */
    struct mrl_queue queue;
    struct mrl_sampler sampler;
    uint64_t interval_ms;
    uint64_t sample_at_ms;
    struct mrl_identity next; /* has not proven itself yet; empty: there is none */
    bool trial;               /* the link shows next */
    struct merlon_backoff renewal;
    int64_t renew_at_ms;  /* wall clock: when to ask for a certificate, or to try next */
    uint64_t trust_at_ms; /* monotonic: when to ask whom to trust */
    char readings_topic[MRL_AGENT_TOPIC];
    char commands_filter[MRL_AGENT_TOPIC];
    int64_t asked_after_s;        /* the server asked to come again in so many seconds; 0: no */
    struct merlon_backoff asking; /* for the time */
    uint64_t ask_at_ms;           /* monotonic: when to ask for the time, while it is not known */
    char renew_topic[MRL_AGENT_TOPIC];
    struct mrl_wiping wiping;
    uint16_t wipe_asked; /* subscription to its topic, not acknowledged yet; 0: it is */
    bool greeted;        /* the server had no order for us: all the rest may follow */
    struct mrl_eventlog events;
    uint64_t head_seq;   /* line of the event log that the server was told of last */
    uint64_t head_at_ms; /* monotonic: when the next one may be told */
    mrl_err down; /* class of the failure that is in the event log; MRL_OK: connected since */
    int64_t clock_offset_ms; /* wall clock against the monotonic one */
};

/* For merlon_backoff_next. */
uint32_t mrl_agent_below(void *context, uint32_t bound);
/* A line of the event log; when it cannot be written, that is logged. */
void mrl_agent_keep_event(struct mrl_agent *a, const char *event, const char *name,
                          const char *text);

/* ---- renewal ---- */

/* What an earlier run left behind: an identity to try, or nothing of use. */
void mrl_agent_recover(struct mrl_agent *a);
/* The server asks for a renewal. */
void mrl_agent_on_renewal_message(struct mrl_agent *a, mrl_bytes payload);
/* Asks for a certificate when it is time, and begins a connection that shows it. */
void mrl_agent_renew(struct mrl_agent *a, uint64_t now_ms);
/* The server let the new identity in: only now the old one goes. */
void mrl_agent_end_trial(struct mrl_agent *a);
/* That connection failed: the old one stays. */
void mrl_agent_fail_trial(struct mrl_agent *a, mrl_err err, const struct mrl_why *why);

#endif
