/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are made here for devices which ask for one (RFC 7030 4.4). Such a key is wiped when
 * its answer has left; nothing of it is stored. Layer: onboarding. Thread: [service], blocks. */
#ifndef MRL_ONBOARDING_KEYGEN_H
#define MRL_ONBOARDING_KEYGEN_H

#include "onboarding/enrol.h"

struct mrl_made {
    struct mrl_buf certificate; /* DER */
    bool encrypted;             /* to a key of the device's, because it asked for that */
    struct mrl_buf key;         /* EnvelopedData, else PrivateKeyInfo; DER, wiped */
};
void mrl_made_done(struct mrl_made *m);

/* mrl_enrol or mrl_reenrol: who may have the certificate is theirs to say. */
typedef enum mrl_enrol_refusal mrl_enrol_function(struct mrl_onboarding *o,
                                                  const struct mrl_enrolment *e,
                                                  struct mrl_buf *der, struct mrl_why *why);

/* A key of the first kind of the profile that can be made, certified as enrol decides. Encryption
 * that is asked for is done or the whole refused (RFC 7030 4.4.1): to the key of the connection's
 * certificate or to that of the request, whichever the AsymmetricDecryptKeyIdentifier names by its
 * subjectKeyIdentifier; a DecryptKeyIdentifier names a shared secret, and there are none. */
enum mrl_enrol_refusal mrl_keygen(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                  mrl_enrol_function *enrol, struct mrl_made *out,
                                  struct mrl_why *why);

#endif
