/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a device as a table. Layer: devices. Thread: any.
 *
 *   expected -> active <-> quarantined        retired: until it is lifted, the id never comes back
 *   expected, active, quarantined <-> suspended (resume returns to where it was)
 *   any but retired -> expected (revoke)      any but retired -> retired
 *   retired -> expected (lift) */
#ifndef MRL_DEVICES_STATE_H
#define MRL_DEVICES_STATE_H

#include "base/bytes.h"
#include "base/err.h"

/* Stored: a value never changes its meaning. */
enum mrl_device_state {
    MRL_DEVICE_EXPECTED = 1,    /* known, may enrol and nothing else */
    MRL_DEVICE_ACTIVE = 2,      /* all its policy allows */
    MRL_DEVICE_QUARANTINED = 3, /* connects, but only devices/${id}/quarantine/# */
    MRL_DEVICE_SUSPENDED = 4,   /* administratively off: refused at the door */
    MRL_DEVICE_RETIRED = 5,     /* tombstone: refused until an operator lifts it */
};
enum mrl_device_action {
    MRL_DEVICE_ACTIVATE, /* first enrolment; an active or quarantined device may enrol again */
    MRL_DEVICE_SUSPEND,
    MRL_DEVICE_RESUME,
    MRL_DEVICE_QUARANTINE,
    MRL_DEVICE_RELEASE,
    MRL_DEVICE_REVOKE,
    MRL_DEVICE_RETIRE,
    MRL_DEVICE_LIFT,
    MRL_DEVICE_ACTION_COUNT_
};

const char *mrl_device_state_name(enum mrl_device_state s);   /* "expected"; never NULL */
const char *mrl_device_action_name(enum mrl_device_action a); /* "suspend"; never NULL */
bool mrl_device_state_parse(mrl_bytes name, enum mrl_device_state *out);
/* A number from the store: false when it is no state. */
bool mrl_device_state_known(int64_t number);

/* What happens to a device: its state, and the one it returns to after `suspended`. */
struct mrl_device_life {
    enum mrl_device_state state;
    enum mrl_device_state resume; /* meaningful while state is suspended */
};
/* MRL_ERR_STATE with a sentence, and *life unchanged, when the table has no such step. */
mrl_err mrl_device_step(struct mrl_device_life *life, enum mrl_device_action action,
                        struct mrl_why *why);
/* expected, active, quarantined: a certificate may be issued to it. */
bool mrl_device_may_enrol(enum mrl_device_state s);
/* active, quarantined: it may hold a session. */
bool mrl_device_may_connect(enum mrl_device_state s);

#endif
