/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment: who may have a certificate, for which request. Layer: onboarding. Thread: [service],
 * blocks. One transaction uses the token, activates the device, adds the credential and appends the
 * audit entry; the certificate leaves only after it is on the disk, so none exists that the log
 * does not know. */
#ifndef MRL_ONBOARDING_ENROL_H
#define MRL_ONBOARDING_ENROL_H

#include "devices/registry.h"
#include "issuing/issuing.h"
#include "issuing/profile.h"
#include "issuing/renewals.h"
#include "onboarding/admission.h"
#include "onboarding/maker.h"
#include "onboarding/token.h"
#include "watch/metrics.h"

struct mrl_hardware; /* devices/hardware.h */
struct mrl_hardware_proof;

struct mrl_onboarding { /* borrowed, filled by the daemon */
    struct mrl_store *store;
    struct mrl_registry *registry;
    struct mrl_issuing *issuing;
    struct mrl_audit *audit;
    const struct mrl_profiles *profiles; /* NULL: only the default */
    struct mrl_renewals *renewals;
    struct mrl_admission *admission;
    uint64_t grace_s;              /* how long past its end a certificate still renews itself */
    struct mrl_hardware *hardware; /* NULL: nobody proves anything */
    struct mrl_makers *makers;
};

enum { MRL_ENROL_SKEW_S = 60 };

struct mrl_enrolment {
    const struct mrl_profile *profile;     /* NULL: the one without a label */
    mrl_bytes device;                      /* who asks, as it says */
    mrl_bytes token;                       /* empty: by certificate */
    const struct mrl_fingerprint *present; /* certificate of the connection, NULL: none */
    mrl_bytes introduced;                  /* certificates of a maker's device: net/tls.h */
    mrl_bytes request;                     /* PKCS#10 as received (crypto/csr.h) */
    mrl_bytes made_spki;                   /* certified instead of the request's key */
    mrl_bytes binding;                     /* raw channel binding, empty: there is none */
    mrl_bytes source;                      /* for the audit entry */
    int64_t skew_s; /* the same: by how much its clock is ahead; 0: unknown */
    mrl_bytes request_id;
    const struct mrl_hardware_proof *proof; /* about the key of the request, NULL: none */
};

/* Worth to be named: 1, else 0. */
static inline size_t mrl_enrol_skew_counts(int64_t skew_s)
{
    return skew_s >= MRL_ENROL_SKEW_S || skew_s <= -MRL_ENROL_SKEW_S;
}

/* What to tell the device: an HTTP status, and a sentence in why. */
enum mrl_enrol_refusal {
    MRL_ENROL_OK = 200,
    MRL_ENROL_WAITING = 202,       /* for approval: ask again later. RFC 7030 4.2.3 */
    MRL_ENROL_BAD_REQUEST = 400,   /* the request itself */
    MRL_ENROL_NOT_AUTHENTIC = 401, /* token or certificate */
    MRL_ENROL_FORBIDDEN = 403,     /* the device's state */
    MRL_ENROL_TOO_MANY = 429,      /* new devices of its maker: ask again later */
    MRL_ENROL_UNAVAILABLE = 503,   /* key process or store: try again */
};

/* Would token or certificate admit this device? Sets e->device and drops the token when it is by
 * certificate; device, which *e then points into, outlives it. Nothing is used up. */
enum mrl_enrol_refusal mrl_enrol_admits(struct mrl_onboarding *o, struct mrl_enrolment *e,
                                        struct mrl_name *device, struct mrl_why *why);
/* A refusal that was decided outside: the audit entry. */
void mrl_enrol_note_refused(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                            const char *reason);
/* First or further enrolment with a token (simpleenroll). The certificate's DER is appended to der.
 */
enum mrl_enrol_refusal mrl_enrol(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                 struct mrl_buf *der, struct mrl_why *why);
/* Renewal with the present certificate; subject and SAN must stay. RFC 7030 4.2.2 */
enum mrl_enrol_refusal mrl_reenrol(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                   struct mrl_buf *der, struct mrl_why *why);

#endif
