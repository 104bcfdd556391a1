/* SPDX-License-Identifier: Apache-2.0 */
#include "merlon/status.h"

const char *merlon_status_name(enum merlon_status status)
{
    static const char *const names[] = {
        [MERLON_OK] = "ok",           [MERLON_AGAIN] = "again",
        [MERLON_FULL] = "full",       [MERLON_TOO_LARGE] = "too-large",
        [MERLON_INVALID] = "invalid", [MERLON_STATE] = "state",
        [MERLON_REFUSED] = "refused", [MERLON_PROTOCOL] = "protocol",
        [MERLON_TIMEOUT] = "timeout", [MERLON_CLOSED] = "closed",
        [MERLON_IO] = "io",
    };

    return (unsigned)status < sizeof(names) / sizeof(names[0]) ? names[status] : "unknown";
}
