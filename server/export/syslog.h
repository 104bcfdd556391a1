/* SPDX-License-Identifier: Apache-2.0 */
/* An audit entry as syslog messages: RFC 5424 in the frames of RFC 5425. Layer: server/export.
 * Thread: any.
 *
 *   <110>1 2026-11-23T22:14:38.123Z HOST merlon - device.enrolled
 *       [merlon@32473 seq="7" outcome="ok" actor="token:t1" target="d1"] {"action":...}
 *
 * Facility 13 (log audit); severity 6 for ok, 4 for denied, 3 for failed. MSG is the text of the
 * entry, unchanged (MSG-ANY: no BOM, which JSON must not have). An entry that does not fit into one
 * message is split: part="1" parts="3" stand behind target, and the MSGs of one seq, joined in
 * order, are the text. Values of the member "opened" stand in place of their commitments. */
#ifndef MRL_EXPORT_SYSLOG_H
#define MRL_EXPORT_SYSLOG_H

#include "base/buf.h"
#include "base/err.h"

enum {
    MRL_SYSLOG_MESSAGE_MIN = 2048, /* RFC 5425 4.3.1: every receiver takes so much */
    MRL_SYSLOG_MESSAGE_MAX = 128 << 10,
    MRL_SYSLOG_TEXT_MAX = 96 << 10, /* bytes read as an entry: the largest, and what opens it */
    MRL_SYSLOG_HOSTNAME_MAX = 255,  /* RFC 5424 6 */
    MRL_SYSLOG_SD_NAME_MAX = 32,
    MRL_SYSLOG_VALUE_MAX = 128, /* bytes of actor and target in the structured data; MSG has all */
};

struct mrl_syslog_style {
    mrl_bytes hostname;
    mrl_bytes sd_id;      /* "merlon@32473" */
    size_t message_bytes; /* without the octet count */
};

/* MRL_ERR_INVALID: hostname or sd_id are none of RFC 5424, or message_bytes is out of range. */
mrl_err mrl_syslog_style_check(const struct mrl_syslog_style *s, struct mrl_why *why);
/* Appends the frames of entry seq. json: its text; one that is no entry goes out as it is, with
 * severity 3 and nothing but its number. Errors of out only. */
mrl_err mrl_syslog_write(const struct mrl_syslog_style *s, uint64_t seq, mrl_bytes json,
                         struct mrl_buf *out);

#endif
