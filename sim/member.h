/* SPDX-License-Identifier: Apache-2.0 */
/* One process of the generator: its share of the clients, on one loop, obeying orders of the
 * parent. Layer: sim. Thread: its only one.
 *
 * Clients 0 to publishers-1 publish, those behind them subscribe (or are silent). Client i belongs
 * to member i mod members. */
#ifndef MRL_SIM_MEMBER_H
#define MRL_SIM_MEMBER_H

#include "sim/client.h"
#include "sim/histogram.h"

/* Which topics publishers and subscribers use. */
enum mrl_sim_shape {
    MRL_SIM_PAIRS,   /* publisher i to subscriber i */
    MRL_SIM_FAN_IN,  /* each subscriber has the topics of an equal share of the publishers */
    MRL_SIM_FAN_OUT, /* every subscriber has every message */
};

struct mrl_sim_plan {
    mrl_bytes roots_pem;
    struct mrl_address broker;
    const struct mrl_sim_identities *identities;
    enum mrl_mqtt_version version;
    enum mrl_sim_shape shape;
    const char *prefix; /* of all topics */
    unsigned members;
    unsigned publishers;
    unsigned subscribers;
    unsigned sources;
    uint8_t qos;
    bool persistent; /* the sessions of subscribers */
    bool retain;
    unsigned payload; /* bytes of one message, at least MRL_SIM_PAYLOAD_LEAST */
    unsigned topics;  /* of each publisher, by turns; 1: one */
};
enum { MRL_SIM_PAYLOAD_LEAST = 8, MRL_SIM_PAYLOAD_MOST = 65536 };

enum mrl_sim_what { MRL_SIM_OPEN, MRL_SIM_PUBLISH, MRL_SIM_LISTEN, MRL_SIM_CLOSE, MRL_SIM_END };
enum mrl_sim_group { MRL_SIM_PUBLISHERS = 1, MRL_SIM_SUBSCRIBERS = 2 };

struct mrl_sim_order {
    enum mrl_sim_what what;
    unsigned groups; /* OPEN, CLOSE: a sum of bits */
    /* OPEN: this many at a time on each member; PUBLISH at rate 0: unacknowledged of each
     * publisher. */
    unsigned window;
    double rate;            /* per second, all members together; 0: as fast as answers come */
    bool resume;            /* OPEN: offers the tickets of before */
    bool retry;             /* OPEN: who is turned away comes again */
    uint64_t start_ns;      /* OPEN at a rate, PUBLISH */
    uint64_t count_from_ns; /* PUBLISH, LISTEN: what is counted */
    uint64_t count_to_ns;   /* and when publishing ends */
};

/* What one member counted since its last OPEN or PUBLISH order. Shared memory: the parent reads it
 * after the order's answer. */
struct mrl_sim_board {
    uint64_t connected, resumed, sessions_present;
    uint64_t lost;      /* connections that ended by themselves */
    uint64_t scheduled; /* messages meant for the window */
    uint64_t arrived;   /* of them, each receiver counts */
    uint64_t received;  /* in the window, whenever they were sent */
    uint64_t acked;     /* in the window */
    uint64_t acked_ever, received_ever;
    struct mrl_histogram connecting, latency, acknowledging; /* ns */
};

/* An order's answer. */
struct mrl_sim_answer {
    mrl_err result;
    struct mrl_why why;
};

/* The whole life of the process: reads orders from fd, writes answers to it, until MRL_SIM_END or
 * the end of the parent. Gives the exit code. */
int mrl_sim_member_run(const struct mrl_sim_plan *plan, unsigned index, int fd,
                       struct mrl_sim_board *board);

uint64_t mrl_sim_now_ns(void); /* monotonic; the same for all processes */
/* Topic or filter of one client, into to. */
void mrl_sim_topic(const struct mrl_sim_plan *plan, unsigned publisher, unsigned turn, char *to,
                   size_t cap);
void mrl_sim_filter(const struct mrl_sim_plan *plan, unsigned subscriber, char *to, size_t cap);

#endif
