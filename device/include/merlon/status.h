/* SPDX-License-Identifier: Apache-2.0 */
/* What a call of the SDK says. Plain C11, no other header of Merlon needed. */
#ifndef MERLON_STATUS_H
#define MERLON_STATUS_H

enum merlon_status {
    MERLON_OK = 0,
    MERLON_AGAIN,     /* nothing to do now: call again when the transport or the clock moves */
    MERLON_FULL,      /* no room for it now: step, then try again */
    MERLON_TOO_LARGE, /* will never fit the buffers given, or what the server takes */
    MERLON_INVALID,   /* an argument is not acceptable */
    MERLON_STATE,     /* not possible in the present state, e.g. not connected */
    MERLON_REFUSED,   /* the server said no, or good bye: see merlon_client_reason */
    MERLON_PROTOCOL,  /* the server broke MQTT 5.0; it was told so */
    MERLON_TIMEOUT,   /* the server did not answer in time */
    MERLON_CLOSED,    /* the transport was closed without a word */
    MERLON_IO,        /* the transport failed */
};

/* Stable lower-case name for logs, e.g. "too-large". Never NULL. */
const char *merlon_status_name(enum merlon_status status);

#endif
