/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax of every name an operator gives: devices, groups, applications, operators, roles.
 * Layer: access. Thread: any. A name can stand as one topic level, one path segment, one file name
 * and one certificate CN as it is, so no border has to escape it. */
#ifndef MRL_ACCESS_NAME_H
#define MRL_ACCESS_NAME_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"

enum { MRL_NAME_MAX = MRL_ID_MAX };

static inline bool mrl_name_valid(mrl_bytes name)
{
    return mrl_id_valid(name);
}
/* The same with a sentence that starts with what ("device id"): MRL_ERR_INVALID. */
mrl_err mrl_name_check(mrl_bytes name, const char *what, struct mrl_why *why);

/* A name kept by value. */
struct mrl_name {
    uint8_t len;
    char text[MRL_NAME_MAX + 1]; /* NUL-terminated */
};
static inline mrl_bytes mrl_name_bytes(const struct mrl_name *n)
{
    return mrl_bytes_of(n->text, n->len);
}
/* false and an empty *out when it is not a valid name (an empty one included). */
bool mrl_name_set(struct mrl_name *out, mrl_bytes name);

#endif
