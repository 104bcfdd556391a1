/* SPDX-License-Identifier: Apache-2.0 */
/* Provisioning by claim: a certificate for the holder of a claim, and its registration as a device,
 * whatever carries the messages. Layer: onboarding. Thread: [service], blocks.
 *
 * The name of the device is known at the registration only, so a certificate made before it has a
 * random name that no device has; the registry knows certificates by their fingerprint
 * (docs/decisions/0013-provisioning-over-mqtt.md). */
#ifndef MRL_ONBOARDING_PROVISION_H
#define MRL_ONBOARDING_PROVISION_H

#include "onboarding/enrol.h"
#include "onboarding/provision_message.h"
#include "store/seal.h"

struct mrl_provisioning { /* borrowed, filled by the daemon */
    struct mrl_onboarding *onboarding;
    struct mrl_sealer *sealer;
};

struct mrl_provision_from { /* who asks; borrowed */
    mrl_bytes claim;
    const struct mrl_fingerprint *certificate; /* of the claim */
    mrl_bytes client_id;
    mrl_bytes source;
};

enum mrl_provision_refusal {
    MRL_PROVISION_OK,
    MRL_PROVISION_BAD_REQUEST,
    MRL_PROVISION_BAD_TOKEN,
    MRL_PROVISION_DENIED,    /* claim, template, hook, state of the device */
    MRL_PROVISION_CONFLICT,  /* key or device are known already */
    MRL_PROVISION_THROTTLED, /* later */
    MRL_PROVISION_UNAVAILABLE,
    MRL_PROVISION_REFUSAL_COUNT_
};
unsigned mrl_provision_status(enum mrl_provision_refusal r);  /* 400 */
const char *mrl_provision_code(enum mrl_provision_refusal r); /* "InvalidParameters" */

struct mrl_provision_certificate {
    char id[2 * MRL_SHA256_SIZE + 1]; /* its fingerprint */
    struct mrl_buf pem;
    struct mrl_secret *token;
};
void mrl_provision_certificate_done(struct mrl_provision_certificate *c);
/* Checks the request as every enrolment does, and makes a certificate that nothing accepts yet. */
enum mrl_provision_refusal
mrl_provision_certify(struct mrl_provisioning *p, const struct mrl_provision_from *from,
                      mrl_bytes csr, struct mrl_provision_certificate *out, struct mrl_why *why);

struct mrl_provision_thing {
    struct mrl_name device;
    json_t *configuration;
    bool has_offer;
    struct mrl_offer offer; /* when to renew its certificate */
};
void mrl_provision_thing_done(struct mrl_provision_thing *t);
/* One transaction uses token and claim, makes or activates the device, and gives it the
 * certificate. The same request again, within the life of the token, is told the same again. */
enum mrl_provision_refusal
mrl_provision_register(struct mrl_provisioning *p, const struct mrl_provision_from *from,
                       mrl_bytes template, const struct mrl_provision_message *m,
                       struct mrl_provision_thing *out, struct mrl_why *why);

/* Refused before anything was asked: noted in the log like the refusals above. */
void mrl_provision_note_refused(struct mrl_provisioning *p, const struct mrl_provision_from *from,
                                mrl_bytes target, const char *reason);

/* Now and then: certificates nobody registered in time are forgotten, with one audit entry. */
mrl_err mrl_provision_expire(struct mrl_provisioning *p);

#endif
