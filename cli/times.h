/* SPDX-License-Identifier: Apache-2.0 */
/* Times as the API writes them and as people read them. Layer: cli. */
#ifndef MRL_CLI_TIMES_H
#define MRL_CLI_TIMES_H

#include "base/bytes.h"

/* RFC 3339 in UTC, as mrl_time_format writes it; fractions may be missing. false: anything else. */
bool mrl_times_parse(mrl_bytes text, int64_t *wall_ms);
enum { MRL_TIMES_TEXT = 32 };
/* "2026-11-23 22:14:38", in the time zone of this process. */
void mrl_times_format(int64_t wall_ms, char to[static MRL_TIMES_TEXT]);
/* "22:14:38.123" */
void mrl_times_format_clock(int64_t wall_ms, char to[static MRL_TIMES_TEXT]);

#endif
