/* SPDX-License-Identifier: Apache-2.0 */
/* Calls a build needs beyond those of the program itself. Layer: keys, internal to the sandbox.
 * The build chooses the file: sandbox_calls.c has none, sandbox_calls_sanitized.c those of the
 * sanitizers' run time. */
#ifndef MRL_KEYS_SANDBOX_CALLS_H
#define MRL_KEYS_SANDBOX_CALLS_H

#include <stddef.h>

extern const int mrl_sandbox_extra_calls[];
extern const size_t mrl_sandbox_extra_call_count;

#endif
