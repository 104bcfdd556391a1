/* SPDX-License-Identifier: Apache-2.0 */
/* First enrolment over EST with the certificate of a registered maker (IDevID) in the handshake:
 * the device gets a certificate of ours (LDevID). RFC 7030 3.3.2. Layer: onboarding. Thread:
 * [service], blocks. */
#ifndef MRL_ONBOARDING_MAKER_ENROL_H
#define MRL_ONBOARDING_MAKER_ENROL_H

#include "onboarding/enrol.h"

/* e->introduced are the certificates of the handshake. The subject of the request is CN=id, or
 * empty, or that of the maker's certificate, or its serialNumber; ours says CN=id in any case. */
enum mrl_enrol_refusal mrl_maker_enrol(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                       struct mrl_buf *der, struct mrl_why *why);
/* Is the certificate in the handshake of a maker, and which device does it name? Sets e->device,
 * which then points into *device. Whether it may have a certificate is decided at the enrolment. */
enum mrl_enrol_refusal mrl_maker_admits(struct mrl_onboarding *o, struct mrl_enrolment *e,
                                        struct mrl_name *device, struct mrl_why *why);

#endif
