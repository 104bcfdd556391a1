/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate authority as the daemon sees it: profiles, lives and the CA's own certificates.
 * The keys are in the key process, which builds and signs. Layer: issuing. Thread: [service]
 * functions block; the others any.
 *
 * What is given out changes with the steps of a rollover (issuing/generations.h); lists and bytes
 * that were given stay as they are, for as long as i lives: ask again for what counts now. */
#ifndef MRL_ISSUING_ISSUING_H
#define MRL_ISSUING_ISSUING_H

#include "access/policy.h"
#include "base/buf.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "issuing/bundles.h"
#include "issuing/rollover.h"
#include "keys/client.h"

struct mrl_issuing;

enum {
    MRL_SERVER_NAMES_MAX = 16,
    MRL_ISSUING_BACKDATE_S = 3600, /* notBefore: clocks of devices are often a little behind */
};

struct mrl_issuing_config { /* copied, but keys and store, which outlive it */
    struct mrl_keys_client *keys;
    struct mrl_store *store;
    /* Life of certificates in seconds. */
    uint64_t device_life_s, application_life_s, operator_life_s, server_life_s;
    /* DNS names and IP addresses (as text) of this server. */
    const mrl_bytes *server_names;
    size_t server_name_count;
};

/* [service] Asks the key process for the CAs there are, and the store what they are for.
 * MRL_ERR_INVALID: a server name is neither; MRL_ERR_CORRUPT: keystore and store do not fit. */
mrl_err mrl_issuing_new(const struct mrl_issuing_config *config, struct mrl_issuing **out,
                        struct mrl_why *why);
void mrl_issuing_free(struct mrl_issuing *i); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_issuing);

/* [service] The same again, after a step or another start of the key process. */
mrl_err mrl_issuing_refresh(struct mrl_issuing *i, struct mrl_why *why);

/* What outsiders trust: the roots that are not retired, the active one first. */
const struct mrl_cert_list *mrl_issuing_roots(const struct mrl_issuing *i);
/* The chain below it that servers and devices send now: the active issuing CA, and links by which
 * those who have only another root accept it. */
const struct mrl_cert_list *mrl_issuing_intermediates(const struct mrl_issuing *i);
/* All that is not retired, with its links, as certs-only PKCS#7 in DER. RFC 7030 4.1.3 */
mrl_bytes mrl_issuing_cacerts(const struct mrl_issuing *i);
/* The version of that. */
const struct mrl_bundle_version *mrl_issuing_bundle(const struct mrl_issuing *i);

/* Number of the active issuing CA. */
uint8_t mrl_issuing_active(const struct mrl_issuing *i);

/* One CA of those the key process holds. */
struct mrl_ca_info {
    enum mrl_ca_kind kind;
    uint8_t number;
    enum mrl_ca_state state;
    bool has_key;
    int64_t changed_ms;
    uint8_t root; /* issuing: the number of the root that signed it */
    const struct mrl_cert *cert;
};
/* NULL: no more. Counts from 0. */
const struct mrl_ca_info *mrl_issuing_ca(const struct mrl_issuing *i, size_t at);

/* [service] One step, and what follows from it here. MRL_ERR_STATE, besides those of
 * mrl_ca_take_step: the CA has no key here, or an issuing CA under the root that is to be retired
 * is not retired itself. */
mrl_err mrl_issuing_step(struct mrl_issuing *i, const struct mrl_actor *actor,
                         const struct mrl_ca_step *step, struct mrl_why *why);
/* What it would mean to retire this one, or (number 0) all that are superseded. MRL_ERR_NOT_FOUND:
 * there is no such CA, or none is superseded. */
mrl_err mrl_issuing_plan(const struct mrl_issuing *i, enum mrl_ca_kind kind, uint8_t number,
                         struct mrl_rollover *out, struct mrl_why *why);

/* Raw Ed25519 key that signs heads of the audit log. */
mrl_bytes mrl_issuing_audit_key(const struct mrl_issuing *i);
/* "urn:merlon:<tenant>:<device|app|operator|claim>:<id>", the URI in each certificate. RFC 8141 */
mrl_err mrl_issuing_uri(const struct mrl_issuing *i, enum mrl_principal_kind kind, mrl_bytes id,
                        struct mrl_buf *out);

/* [service] A certificate for this principal and key, DER appended to der. It is nobody's
 * credential until the registry holds it. life_s 0: that of the kind, which a
 * claim has not. Errors are those of
 * mrl_keys_issue, and MRL_ERR_BUSY: the active CA has ended. */
mrl_err mrl_issue(struct mrl_issuing *i, enum mrl_principal_kind kind, mrl_bytes id, mrl_bytes spki,
                  uint64_t life_s, struct mrl_buf *der, struct mrl_why *why);

/* The server's own identity: a key made here that never leaves memory, its chain, and when to ask
 * for the next one. */
struct mrl_server_identity {
    struct mrl_key *key;
    struct mrl_cert_list chain; /* leaf, issuing CA, links */
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
