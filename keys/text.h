/* SPDX-License-Identifier: Apache-2.0 */
/* The texts both sides must agree on. Layer: keys. Thread: any. */
#ifndef MRL_KEYS_TEXT_H
#define MRL_KEYS_TEXT_H

#include "keys/message.h"

enum {
    MRL_KEYS_TENANT_MAX = 64,
    MRL_KEYS_URI_MAX = 256,
    MRL_KEYS_ORIGIN_MAX = MRL_KEYS_TENANT_MAX + 16,
    MRL_KEYS_URL_MAX = 128,     /* where revocation is told, as configured */
    MRL_KEYS_CRL_NAME_MAX = 32, /* with its NUL */
    MRL_KEYS_CRL_URL_MAX = MRL_KEYS_URL_MAX + 5 + MRL_KEYS_CRL_NAME_MAX,
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
/* "device", "app", "operator", "server", "ocsp"; NULL for anything else. */
const char *mrl_keys_kind_name(enum mrl_keys_kind kind);
/* File name of a revocation list: the first 8 bytes of the CA's key identifier in hex, then ".crl",
 * "-delta.crl" or "-<shard>.crl". Borrows ca, which has at least 8 bytes. */
void mrl_keys_crl_name(mrl_bytes ca, enum mrl_keys_crl_kind kind, uint8_t shard,
                       char to[static MRL_KEYS_CRL_NAME_MAX]);
/* "http://" and 1 to 121 visible characters that may stand in a URL, no "/" at the end. */
bool mrl_keys_url_valid(mrl_bytes url);
/* Where that list is: <url>/crl/<name>. url is valid. */
void mrl_keys_crl_url(mrl_bytes url, mrl_bytes ca, enum mrl_keys_crl_kind kind, uint8_t shard,
                      char to[static MRL_KEYS_CRL_URL_MAX]);

#endif
