/* SPDX-License-Identifier: Apache-2.0 */
/* Just-in-time provisioning: a maker's certificate becomes the credential of its device, and from
 * then on it is judged, superseded and revoked like one of ours. Layer: onboarding. Thread:
 * [service] functions block. */
#ifndef MRL_ONBOARDING_INTRODUCE_H
#define MRL_ONBOARDING_INTRODUCE_H

#include "onboarding/enrol.h"
#include "onboarding/maker.h"

/* The certificates of a handshake, as net/tls.h keeps them: DER one after the other, leaf first. */
struct mrl_introduction {
    struct mrl_cert *leaf;
    struct mrl_cert_list sent;
    struct mrl_maker_rule maker;
    struct mrl_name device;
};
/* Reads them and finds the maker again: it may be gone since the handshake. MRL_ERR_AUTH: it is,
 * or the path does not hold (any more); MRL_ERR_INVALID: the certificate names no device. Give
 * *out to mrl_introduction_done in any case. */
mrl_err mrl_introduction_read(struct mrl_makers *m, mrl_bytes certificates, int64_t now,
                              struct mrl_introduction *out, struct mrl_why *why);
void mrl_introduction_done(struct mrl_introduction *i);

struct mrl_introducing { /* borrowed */
    mrl_bytes certificates;
    mrl_bytes source; /* for the audit entries */
};
/* [service] MRL_OK: the device is active and this certificate its credential. MRL_ERR_AGAIN: it
 * waits for approval; MRL_ERR_BUSY: its maker brings too many devices at once, try again;
 * MRL_ERR_AUTH, MRL_ERR_DENIED, MRL_ERR_STATE ...: no. With a sentence, and an audit entry. */
mrl_err mrl_introduce(struct mrl_onboarding *o, const struct mrl_introducing *i,
                      struct mrl_why *why);

#endif
