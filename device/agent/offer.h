/* SPDX-License-Identifier: Apache-2.0 */
/* When the server wants us to renew: Merlon-Renewal in the answer to an enrolment, and the renewal
 * message (docs/operate/renewal.md). Readers of what comes from outside. Layer: device. */
#ifndef MRL_AGENT_OFFER_H
#define MRL_AGENT_OFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { MRL_OFFER_TEXT_MAX = 512 };

struct mrl_offer {
    int64_t start_s, end_s; /* seconds since 1970, start not after end; both 0: none */
};

/* "start=1790000000, end=1790194400, grace=0": a dictionary of integers (RFC 9651 3.2); members we
 * do not know are passed over. false: not one, or not both of start and end. */
bool mrl_offer_read_field(mrl_bytes value, struct mrl_offer *out);
/* {"end":...,"reason":...,"start":...}. MRL_ERR_MALFORMED. */
mrl_err mrl_offer_read_message(mrl_bytes json, struct mrl_offer *out);
/* A number of seconds as in Merlon-Time and Retry-After (RFC 9110 10.2.3, the one form); false:
 * anything else, a date included. */
bool mrl_offer_read_seconds(mrl_bytes value, int64_t *out);

/* As kept on the disk, beside the certificate with that fingerprint in hex. */
mrl_err mrl_offer_write(const struct mrl_offer *o, mrl_bytes fingerprint, struct mrl_buf *out);
/* MRL_ERR_NOT_FOUND: of another certificate. MRL_ERR_MALFORMED. */
mrl_err mrl_offer_read(mrl_bytes json, mrl_bytes fingerprint, struct mrl_offer *out);

#endif
