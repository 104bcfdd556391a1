/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns for values that strangers send: small enough to be read at a glance, and never slow.
 * Layer: onboarding. Thread: any.
 *
 * '*' any bytes, '?' one byte, "[0-9A-F]" one of these bytes, "[!...]" one that is none of these;
 * every other byte stands for itself, and the whole value must match. */
#ifndef MRL_ONBOARDING_PATTERN_H
#define MRL_ONBOARDING_PATTERN_H

#include "base/bytes.h"
#include "base/err.h"

enum { MRL_PATTERN_MAX = 128 };

/* MRL_ERR_INVALID with a sentence that starts with what: empty, too long, a bracket without end or
 * with nothing inside. */
mrl_err mrl_pattern_check(mrl_bytes pattern, const char *what, struct mrl_why *why);
/* The pattern has passed the check. At most length of pattern times length of value steps. */
bool mrl_pattern_matches(mrl_bytes pattern, mrl_bytes value);

#endif
