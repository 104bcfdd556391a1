/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Layer: base. Thread: any. Monotonic time paces, wall time is for certificates and records.
 */
#ifndef MRL_BASE_CLOCK_H
#define MRL_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

uint64_t mrl_monotonic_ms(void);
/* What the clock of the machine says, and how long it has run, suspension included. */
int64_t mrl_machine_wall_ms(void);
uint64_t mrl_machine_passed_ms(void);
/* Once a program has said when the clock was right, mrl_wall_ms and mrl_wall_s do not follow a jump
 * of more than limit_ms: they say what it was then and what has passed since. wall_ms and passed_ms
 * are from the two above, of one moment. */
void mrl_clock_trust(int64_t wall_ms, uint64_t passed_ms, int64_t limit_ms);
bool mrl_clock_is_doubted(void); /* it has jumped, and is not back */
int64_t mrl_wall_ms(void);       /* milliseconds since 1970-01-01T00:00:00Z */
int64_t mrl_wall_s(void);

enum { MRL_TIME_TEXT = 32 };
/* "2026-11-23T22:14:38.123Z" (RFC 3339, UTC). to has MRL_TIME_TEXT bytes. */
void mrl_time_format(int64_t wall_ms, char to[static MRL_TIME_TEXT]);
/* "90", "30s", "15m", "12h", "180d" to seconds. */
bool mrl_duration_parse(mrl_bytes text, uint64_t *seconds);

#endif
