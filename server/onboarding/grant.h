/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate for a principal that is known and may have it: signed, recorded, then given away.
 * Layer: onboarding. Thread: [service], blocks. What enrolment of devices and certificates for
 * applications and operators share; who may ask is decided by the caller. */
#ifndef MRL_ONBOARDING_GRANT_H
#define MRL_ONBOARDING_GRANT_H

#include "access/actor.h"
#include "base/buf.h"
#include "crypto/csr.h"
#include "devices/expectation.h"
#include "onboarding/enrol.h"

/* Everything is borrowed for the call. */
struct mrl_grant {
    enum mrl_principal_kind kind;
    mrl_bytes id;
    mrl_bytes spki; /* of a request that was checked */
    const struct mrl_actor *actor;
    enum mrl_audit_action action;
    mrl_bytes token; /* id of the token that was used, for the entry; empty: none */
    int64_t skew_s;  /* by how much its clock is ahead, the same */
    int64_t late_s; /* so long past its end the present certificate renewed itself, for the entry */
    const struct mrl_profile *profile; /* of a device: gives the life; NULL: none */
    /* First in the write job, may be NULL: what else must hold or happen. */
    mrl_err (*before)(struct mrl_tx *tx, void *context, struct mrl_why *why);
    void *context;
    const struct mrl_hardware_proof *proof; /* about the key, NULL: none */
    const struct mrl_cert_facts *maker;     /* of the maker's certificate that came, NULL: none */
};

/* Reads a PKCS#10 request (crypto/csr.h): its key is one we certify, and the sender holds it.
 * MRL_ERR_INVALID with the reason. */
mrl_err mrl_grant_read_key(mrl_bytes body, struct mrl_csr **out, struct mrl_why *why);
/* The same, and its subject is CN=id. */
mrl_err mrl_grant_read_request(mrl_bytes body, mrl_bytes id, struct mrl_csr **out,
                               struct mrl_why *why);

/* The same for a request whose key and signature count for nothing, because the key is made here
 * (RFC 7030 4.4.1). */
mrl_err mrl_grant_read_names(mrl_bytes body, mrl_bytes id, struct mrl_csr **out,
                             struct mrl_why *why);

/* What came with a request, against what the device is expected with (devices/expectation.h). */
void mrl_grant_show_maker(const struct mrl_cert_facts *maker, struct mrl_shown *out);

/* In one transaction: runs before, adds the certificate (DER) as credential, appends the audit
 * entry (fingerprint, serial, not_after); then publishes. spki of g is not looked at. Errors are
 * those of before and of mrl_registry_credential_add. */
mrl_err mrl_grant_record(struct mrl_onboarding *o, const struct mrl_grant *g, mrl_bytes der,
                         struct mrl_why *why);
/* Issues; then, in one transaction, runs before, adds the credential and appends the audit entry
 * (fingerprint, serial, not_after); publishes; and only then appends the DER to der. Errors are
 * those of mrl_issue, of before, and of mrl_registry_credential_add. */
mrl_err mrl_grant_write(struct mrl_onboarding *o, const struct mrl_grant *g, struct mrl_buf *der,
                        struct mrl_why *why);

#endif
