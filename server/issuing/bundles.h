/* SPDX-License-Identifier: Apache-2.0 */
/* What EST gives as CA certificates, by version, and which version each device says it has: who
 * would break when a root goes is known before it goes. Layer: issuing. Thread: [service] functions
 * block.
 *
 * The version is the SHA-256 of the certs-only message in DER (RFC 7030 4.1.3), which whoever has
 * fetched it can compute. A device tells it in the header Merlon-Trust-Bundle of an EST request, or
 * in the user property "merlon-trust-bundle" of a CONNECT: 64 hex digits. */
#ifndef MRL_ISSUING_BUNDLES_H
#define MRL_ISSUING_BUNDLES_H

#include "base/buf.h"
#include "crypto/hash.h"
#include "store/store.h"

#define MRL_BUNDLE_HEADER "Merlon-Trust-Bundle"
#define MRL_BUNDLE_PROPERTY "merlon-trust-bundle"

struct mrl_bundle_version {
    uint8_t bytes[MRL_SHA256_SIZE];
};

/* [service] A version that is served from now on, with the numbers of the roots in it, a byte each.
 * Known ones are no error. */
mrl_err mrl_bundle_enter(struct mrl_store *s, const struct mrl_bundle_version *version,
                         mrl_bytes roots);
/* 64 hex digits. MRL_ERR_MALFORMED. */
mrl_err mrl_bundle_read(mrl_bytes text, struct mrl_bundle_version *out);
/* Any thread; returns at once. What fails (a full disk) comes again with the next report. Writes
 * only what changes. */
void mrl_bundle_report(struct mrl_store *s, mrl_bytes device,
                       const struct mrl_bundle_version *version);

struct mrl_bundle_told {
    struct mrl_bundle_version version;
    int64_t since_ms; /* wall clock: told of first; the same again changes nothing */
    bool served;      /* it is or was one of ours */
};
/* [service] What this device told last. MRL_ERR_NOT_FOUND: it never did. */
mrl_err mrl_bundle_told(struct mrl_store *s, mrl_bytes device, struct mrl_bundle_told *out);

#endif
