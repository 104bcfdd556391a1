/* SPDX-License-Identifier: Apache-2.0 */
/* A state folder, and a log that grows, for the tests of witness/. */
#ifndef MRL_TESTS_WITNESS_FIXTURE_H
#define MRL_TESTS_WITNESS_FIXTURE_H

#include "tests/unit/tlog/fixture.h"
#include "tlog/checkpoint.h"
#include "witness/folder.h"

enum { FIXTURE_ENTRIES = 20 };

struct fixture_state {
    char path[64];
    struct mrl_witness_folder folder;
};
void fixture_state_init(struct fixture_state *s);
void fixture_state_done(struct fixture_state *s); /* removes it */
void fixture_state_reopen(struct fixture_state *s);

/* Of a log whose entries differ from those of another seed. proof is from old to size. */
struct fixture_step {
    struct mrl_add_checkpoint add;
    struct mrl_checkpoint checkpoint; /* origin is borrowed */
};
void fixture_step(uint64_t seed, const char *origin, uint64_t old, uint64_t size,
                  struct fixture_step *out);
/* The body of the request. */
void fixture_body(const struct fixture_signer *signer, const struct fixture_step *step,
                  struct mrl_buf *out);

#endif
