/* SPDX-License-Identifier: Apache-2.0 */
/* The texts both sides must agree on. Layer: keys. Thread: any. */
#ifndef MRL_KEYS_TEXT_H
#define MRL_KEYS_TEXT_H

#include "keys/message.h"

enum {
    MRL_KEYS_TENANT_MAX = 64,
    MRL_KEYS_URI_MAX = 256,
    MRL_KEYS_ORIGIN_MAX = MRL_KEYS_TENANT_MAX + 16,
};

/* "urn:merlon:<tenant>:<device|app|operator>:<id>" with a NUL; a server has none (MRL_ERR_INVALID).
 * Borrows all. */
mrl_err mrl_keys_uri(enum mrl_keys_kind kind, mrl_bytes tenant, mrl_bytes id,
                     char to[static MRL_KEYS_URI_MAX]);
/* "<tenant>/merlon-audit" with a NUL: the origin of the audit log's checkpoints and the name of its
 * key. tenant is valid. */
void mrl_keys_audit_origin(mrl_bytes tenant, char to[static MRL_KEYS_ORIGIN_MAX]);
/* Which sealing key a result of WRAP says it is under; only UNWRAP checks. MRL_ERR_MALFORMED. */
mrl_err mrl_keys_wrapped_by(mrl_bytes wrapped, uint32_t *number);
/* 1 to 64 characters of [A-Za-z0-9._:-], the first not '.' or '-'. */
bool mrl_keys_id_valid(mrl_bytes id);
/* 1 to 64 characters of [a-z0-9-], the first not '-': no ':' may forge the parts of a URI. */
bool mrl_keys_tenant_valid(mrl_bytes tenant);
/* Lower-case DNS name of labels [a-z0-9-]; the first label may be "*". RFC 1035 2.3.1 */
bool mrl_keys_dns_valid(mrl_bytes name);
/* "device", "app", "operator", "server"; NULL for anything else. */
const char *mrl_keys_kind_name(enum mrl_keys_kind kind);

#endif
