/* SPDX-License-Identifier: Apache-2.0 */
/* The pre-provisioning hook: a server of the operator is asked before a device is made. Layer:
 * onboarding. Thread: [service], blocks for as long as the hook's timeout.
 *
 * POST of a JSON object over HTTPS, whose certificate must lead to the CA of the template, or over
 * a UNIX socket; never in the clear over a network. Whatever is not a clear yes is a no. */
#ifndef MRL_ONBOARDING_HOOK_H
#define MRL_ONBOARDING_HOOK_H

#include "base/secret.h"
#include "onboarding/template.h"

enum { MRL_HOOK_ANSWER_MAX = 64 << 10 };

/* MRL_ERR_INVALID: the url is neither https://HOST[:PORT]/PATH nor unix:/PATH, or the CA cannot be
 * read or is missing. No hook at all is fine. */
mrl_err mrl_hook_check(const struct mrl_template_hook *h, struct mrl_why *why);

struct mrl_hook_question { /* borrowed */
    mrl_bytes claim;
    mrl_bytes claim_certificate; /* fingerprints as hex */
    mrl_bytes certificate;
    mrl_bytes certificate_pem;
    mrl_bytes template;
    mrl_bytes client_id;
    const struct mrl_parameter *parameters;
    size_t count;
};

struct mrl_hook_answer {
    json_t *json; /* owned: views are into it */
    struct mrl_parameter overrides[MRL_TEMPLATE_PARAMETERS_MAX];
    size_t count;
};
void mrl_hook_answer_done(struct mrl_hook_answer *a);

/* secret (may be NULL) signs the request: header Merlon-Signature: "t=<seconds>,sha256=<hex>", the
 * HMAC of "<seconds>.<body>". MRL_OK: allowed. MRL_ERR_DENIED: refused; why is the hook's sentence.
 * Any other error: it could not be asked, or what came back is no answer. */
mrl_err mrl_hook_ask(const struct mrl_template_hook *h, const struct mrl_secret *secret,
                     const struct mrl_hook_question *q, struct mrl_hook_answer *out,
                     struct mrl_why *why);

/* What came back; apart for tests. */
mrl_err mrl_hook_read_answer(mrl_bytes body, struct mrl_hook_answer *out, struct mrl_why *why);

#endif
