/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/sandbox_calls.h"

const int mrl_sandbox_extra_calls[] = {-1}; /* an array cannot be empty */
const size_t mrl_sandbox_extra_call_count = 0;
