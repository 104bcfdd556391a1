/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax of names that the server and the devices must agree on. Layer: base. Thread: any. */
#ifndef MRL_BASE_ID_H
#define MRL_BASE_ID_H

#include <stdbool.h>

#include "base/bytes.h"

enum {
    MRL_ID_MAX = 64, /* what a common name can hold: RFC 5280 A.1, ub-common-name */
    MRL_LABEL_MAX = 64,
};

/* 1 to 64 of A-Z a-z 0-9 . _ : - and not '.' or '-' first: stands as one topic level, one path
 * segment, one file name and one certificate CN as it is. In particular never '/', '+', '#', '$' or
 * a byte that needs quoting. */
bool mrl_id_valid(mrl_bytes id);
/* A label in a path of EST (RFC 7030 3.2.2): 1 to 64 of the unreserved characters of RFC 3986 2.3,
 * without what needs care in file names and shells ('~', a '.' in front). */
bool mrl_label_valid(mrl_bytes label);

#endif
