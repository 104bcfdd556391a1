/* SPDX-License-Identifier: Apache-2.0 */
/* Who vouches for a certificate that the registry does not know: the registered makers. For struct
 * mrl_tls_server_config; context is their struct mrl_makers. Layer: doors. Thread: the worker. */
#ifndef MRL_DOORS_VOUCH_H
#define MRL_DOORS_VOUCH_H

#include "net/tls.h"
#include "onboarding/maker.h"

/* At the door for enrolments: any maker. Which device it is, and whether it may have anything, is
 * answered by HTTP. */
enum mrl_tls_refusal mrl_vouch_enrolment(void *makers, const struct mrl_cert *leaf,
                                         const struct mrl_cert_list *sent);
/* At the door of MQTT: makers with just-in-time provisioning. */
enum mrl_tls_refusal mrl_vouch_mqtt(void *makers, const struct mrl_cert *leaf,
                                    const struct mrl_cert_list *sent);

#endif
