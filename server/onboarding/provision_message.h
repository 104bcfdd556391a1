/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of provisioning over MQTT, in JSON and in CBOR: what a device asks, what it is told.
 * Names of members are those of the fleet provisioning that devices are written for
 * (docs/decisions/0013-provisioning-over-mqtt.md). Layer: onboarding. Thread: any. */
#ifndef MRL_ONBOARDING_PROVISION_MESSAGE_H
#define MRL_ONBOARDING_PROVISION_MESSAGE_H

#include "base/buf.h"
#include "onboarding/offer.h"
#include "onboarding/template.h"

enum mrl_provision_format { MRL_PROVISION_JSON, MRL_PROVISION_CBOR, MRL_PROVISION_FORMAT_COUNT_ };
/* "json", "cbor", as the last level of the topic. */
bool mrl_provision_format_parse(mrl_bytes name, enum mrl_provision_format *out);

enum {
    MRL_PROVISION_MESSAGE_MAX = 64 << 10,
    MRL_PROVISION_MEMBERS_MAX = 32, /* of the object, unknown ones included: they are skipped */
};

/* Views are into the payload or into json. */
struct mrl_provision_message {
    mrl_bytes csr;   /* certificateSigningRequest; empty: none */
    mrl_bytes token; /* certificateOwnershipToken; empty: none */
    struct mrl_parameter parameters[MRL_TEMPLATE_PARAMETERS_MAX];
    size_t count;
    json_t *json; /* owned; NULL: it was CBOR */
};
void mrl_provision_message_done(struct mrl_provision_message *m);
/* MRL_ERR_MALFORMED, _LIMIT, _INVALID with a sentence for the device's maker. */
mrl_err mrl_provision_message_read(enum mrl_provision_format format, mrl_bytes payload,
                                   struct mrl_provision_message *out, struct mrl_why *why);

/* What devices of other servers do not know, and pass over. */
struct mrl_provision_told {
    int64_t time_s;                /* of the server, seconds since 1970 */
    const struct mrl_offer *offer; /* when to renew the certificate; NULL: nothing is said */
};
/* Each appends one payload. */
mrl_err mrl_provision_write_certificate(enum mrl_provision_format format, mrl_bytes id,
                                        mrl_bytes pem, mrl_bytes token,
                                        const struct mrl_provision_told *told, struct mrl_buf *out);
/* configuration: name to text. */
mrl_err mrl_provision_write_thing(enum mrl_provision_format format, mrl_bytes device,
                                  json_t *configuration, const struct mrl_provision_told *told,
                                  struct mrl_buf *out);
struct mrl_provision_error {
    unsigned status;
    const char *code;
    const char *message;
    unsigned retry_after_s; /* 0: coming again is of no use, or whenever it likes */
};
mrl_err mrl_provision_write_error(enum mrl_provision_format format,
                                  const struct mrl_provision_error *error, struct mrl_buf *out);

#endif
