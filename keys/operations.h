/* SPDX-License-Identifier: Apache-2.0 */
/* What the key process does for a request it can read, one function a type. Layer: keys. Thread:
 * the owner of the server. Each appends its result (secret where the request is) to a writer's
 * memory and points a at it. */
#ifndef MRL_KEYS_OPERATIONS_H
#define MRL_KEYS_OPERATIONS_H

#include "keys/serve.h"

/* Memory for one request's result. */
struct mrl_operation {
    struct mrl_buf bytes;      /* owned: public results */
    struct mrl_secret *secret; /* owned: UNWRAP's key */
};
void mrl_operation_done(struct mrl_operation *o);

/* Fills a's body on MRL_OK. Otherwise why has the sentence, and the error is one of policy or of
 * cryptography. */
mrl_err mrl_operation_run(struct mrl_keys_server *s, const struct mrl_keys_request *q,
                          struct mrl_operation *o, struct mrl_keys_answer *a, struct mrl_why *why);

#endif
