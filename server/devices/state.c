/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/state.h"

enum {
    EXPECTED = MRL_DEVICE_EXPECTED,
    ACTIVE = MRL_DEVICE_ACTIVE,
    QUARANTINED = MRL_DEVICE_QUARANTINED,
    SUSPENDED = MRL_DEVICE_SUSPENDED,
    RETIRED = MRL_DEVICE_RETIRED,
    STATE_COUNT,
    BACK = STATE_COUNT, /* to the state it was suspended from */
};

static const char *const state_names[STATE_COUNT] = {
    [EXPECTED] = "expected",   [ACTIVE] = "active",   [QUARANTINED] = "quarantined",
    [SUSPENDED] = "suspended", [RETIRED] = "retired",
};

static const char *const action_names[MRL_DEVICE_ACTION_COUNT_] = {
    [MRL_DEVICE_ACTIVATE] = "activate", [MRL_DEVICE_SUSPEND] = "suspend",
    [MRL_DEVICE_RESUME] = "resume",     [MRL_DEVICE_QUARANTINE] = "quarantine",
    [MRL_DEVICE_RELEASE] = "release",   [MRL_DEVICE_REVOKE] = "revoke",
    [MRL_DEVICE_RETIRE] = "retire",     [MRL_DEVICE_LIFT] = "lift",
};

/* Row: what is done; column: the state it is done in; value: the state after, 0 where it cannot be
 * done. Revoking a suspended device leaves it off: see mrl_device_step. */
static const uint8_t steps[MRL_DEVICE_ACTION_COUNT_][STATE_COUNT] = {
    [MRL_DEVICE_ACTIVATE] = {[EXPECTED] = ACTIVE, [ACTIVE] = ACTIVE, [QUARANTINED] = QUARANTINED},
    [MRL_DEVICE_SUSPEND] =
        {[EXPECTED] = SUSPENDED, [ACTIVE] = SUSPENDED, [QUARANTINED] = SUSPENDED},
    [MRL_DEVICE_RESUME] = {[SUSPENDED] = BACK},
    [MRL_DEVICE_QUARANTINE] = {[ACTIVE] = QUARANTINED},
    [MRL_DEVICE_RELEASE] = {[QUARANTINED] = ACTIVE},
    [MRL_DEVICE_REVOKE] = {[EXPECTED] = EXPECTED,
                           [ACTIVE] = EXPECTED,
                           [QUARANTINED] = EXPECTED,
                           [SUSPENDED] = SUSPENDED},
    [MRL_DEVICE_RETIRE] =
        {[EXPECTED] = RETIRED, [ACTIVE] = RETIRED, [QUARANTINED] = RETIRED, [SUSPENDED] = RETIRED},
    [MRL_DEVICE_LIFT] = {[RETIRED] = EXPECTED},
};

bool mrl_device_state_known(int64_t number)
{
    return number >= EXPECTED && number < STATE_COUNT;
}

const char *mrl_device_state_name(enum mrl_device_state s)
{
    return mrl_device_state_known((int64_t)s) ? state_names[s] : "unknown";
}

const char *mrl_device_action_name(enum mrl_device_action a)
{
    return (size_t)a < MRL_DEVICE_ACTION_COUNT_ ? action_names[a] : "unknown";
}

bool mrl_device_state_parse(mrl_bytes name, enum mrl_device_state *out)
{
    for (int s = EXPECTED; s < STATE_COUNT; s++) {
        if (mrl_bytes_eq(name, mrl_str(state_names[s]))) {
            *out = (enum mrl_device_state)s;
            return true;
        }
    }
    return false;
}

static bool may_resume_to(enum mrl_device_state s)
{
    return s == MRL_DEVICE_EXPECTED || s == MRL_DEVICE_ACTIVE || s == MRL_DEVICE_QUARANTINED;
}

mrl_err mrl_device_step(struct mrl_device_life *life, enum mrl_device_action action,
                        struct mrl_why *why)
{
    struct mrl_device_life next = {MRL_DEVICE_EXPECTED, MRL_DEVICE_EXPECTED};
    uint8_t to = 0;

    if (mrl_device_state_known((int64_t)life->state) && (size_t)action < MRL_DEVICE_ACTION_COUNT_)
        to = steps[action][life->state];
    if (to == 0)
        return mrl_fail(why, MRL_ERR_STATE, "cannot %s a device that is %s",
                        mrl_device_action_name(action), mrl_device_state_name(life->state));
    if (to == BACK) {
        if (!may_resume_to(life->resume))
            return mrl_fail(why, MRL_ERR_CORRUPT, "suspended from no valid state");
        to = (uint8_t)life->resume;
    } else if (action == MRL_DEVICE_SUSPEND) {
        next.resume = life->state;
    }
    /* a revoked device that is off stays off, and must enrol again when it comes back */
    next.state = (enum mrl_device_state)to;
    *life = next;
    return MRL_OK;
}

bool mrl_device_may_enrol(enum mrl_device_state s)
{
    return s == MRL_DEVICE_EXPECTED || mrl_device_may_connect(s);
}

bool mrl_device_may_connect(enum mrl_device_state s)
{
    return s == MRL_DEVICE_ACTIVE || s == MRL_DEVICE_QUARANTINED;
}
