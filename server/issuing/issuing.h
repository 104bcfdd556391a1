/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate authority as the daemon sees it: profiles, lives and the CA's own certificates.
 * The keys are in the key process, which builds and signs. Layer: issuing. Thread: [service]
 * functions block; the others any. */
#ifndef MRL_ISSUING_ISSUING_H
#define MRL_ISSUING_ISSUING_H

#include "access/policy.h"
#include "base/buf.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "keys/client.h"

struct mrl_issuing;

enum {
    MRL_SERVER_NAMES_MAX = 16,
    MRL_ISSUING_BACKDATE_S = 3600, /* notBefore: clocks of devices are often a little behind */
};

struct mrl_issuing_config { /* copied, but keys, which outlives it */
    struct mrl_keys_client *keys;
    /* Life of certificates in seconds. */
    uint64_t device_life_s, application_life_s, operator_life_s, server_life_s;
    /* DNS names and IP addresses (as text) of this server. */
    const mrl_bytes *server_names;
    size_t server_name_count;
};

/* Asks the key process for the CA's certificates. MRL_ERR_INVALID: a server name is neither. */
mrl_err mrl_issuing_new(const struct mrl_issuing_config *config, struct mrl_issuing **out,
                        struct mrl_why *why);
void mrl_issuing_free(struct mrl_issuing *i); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_issuing);

/* What outsiders trust: the root. Lives as long as i. */
const struct mrl_cert_list *mrl_issuing_roots(const struct mrl_issuing *i);
/* The chain below it that servers and devices send: the issuing CA. */
const struct mrl_cert_list *mrl_issuing_intermediates(const struct mrl_issuing *i);
/* Root and issuing CA as certs-only PKCS#7 in DER. RFC 7030 4.1.3 */
mrl_bytes mrl_issuing_cacerts(const struct mrl_issuing *i);
/* Raw Ed25519 key that signs heads of the audit log. */
mrl_bytes mrl_issuing_audit_key(const struct mrl_issuing *i);
/* "urn:merlon:<tenant>:<device|app|operator|claim>:<id>", the URI in each certificate. RFC 8141 */
mrl_err mrl_issuing_uri(const struct mrl_issuing *i, enum mrl_principal_kind kind, mrl_bytes id,
                        struct mrl_buf *out);

/* [service] A certificate for this principal and key, DER appended to der. It is nobody's
 * credential until the registry holds it. life_s 0: that of the kind, which a
 * claim has not. Errors are those of
 * mrl_keys_issue. */
mrl_err mrl_issue(struct mrl_issuing *i, enum mrl_principal_kind kind, mrl_bytes id, mrl_bytes spki,
                  uint64_t life_s, struct mrl_buf *der, struct mrl_why *why);

/* The server's own identity: a key made here that never leaves memory, its chain, and when to ask
 * for the next one. */
struct mrl_server_identity {
    struct mrl_key *key;
    struct mrl_cert_list chain; /* leaf, issuing CA */
    int64_t renew_at;           /* seconds since 1970: two thirds of its life */
};
/* [service] */
mrl_err mrl_issuing_server_identity(struct mrl_issuing *i, struct mrl_server_identity *out,
                                    struct mrl_why *why);
/* [service] A copy of the last one that was made. MRL_ERR_STATE: none yet. */
mrl_err mrl_issuing_present_identity(struct mrl_issuing *i, struct mrl_server_identity *out);
void mrl_server_identity_done(struct mrl_server_identity *s);
mrl_err mrl_server_identity_copy(const struct mrl_server_identity *from,
                                 struct mrl_server_identity *out);

#endif
