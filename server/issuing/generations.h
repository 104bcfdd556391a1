/* SPDX-License-Identifier: Apache-2.0 */
/* Which CA is used for what, while one takes the place of another: the steps of a rollover, as the
 * store keeps them. Layer: issuing. Thread: [service] functions block.
 *
 * The key process says which CAs there are, this table what they are for. A CA is prepared as soon
 * as the daemon finds it: EST gives it to whoever asks. One of each kind is active: it issues, or
 * new devices are told to trust it. The one before is superseded: what it issued still counts.
 * Retired is for ever: neither given to anybody nor trusted. Each step is one transaction with its
 * audit entry, so there is no moment at which a crash would leave half of one. */
#ifndef MRL_ISSUING_GENERATIONS_H
#define MRL_ISSUING_GENERATIONS_H

#include "access/actor.h"
#include "crypto/hash.h"
#include "keys/message.h"
#include "store/store.h"

extern const struct mrl_migration_list mrl_ca_migrations;

enum mrl_ca_state {
    MRL_CA_PREPARED = 1,
    MRL_CA_ACTIVE,
    MRL_CA_SUPERSEDED,
    MRL_CA_RETIRED,
    MRL_CA_STATE_END_
};
const char *mrl_ca_state_name(enum mrl_ca_state s); /* "prepared"; stable */
const char *mrl_ca_kind_name(enum mrl_ca_kind k);   /* "root", "issuing"; stable */
enum { MRL_CA_NAME_TEXT = 16 };
/* "issuing-2", as the audit log calls it; gives memory. */
const char *mrl_ca_name(enum mrl_ca_kind kind, uint8_t number,
                        char memory[static MRL_CA_NAME_TEXT]);
/* MRL_ERR_INVALID: neither of the two. */
mrl_err mrl_ca_kind_read(mrl_bytes text, enum mrl_ca_kind *out);

struct mrl_ca_row {
    enum mrl_ca_kind kind;
    uint8_t number;
    enum mrl_ca_state state;
    int64_t changed_ms;
    uint8_t fingerprint[MRL_SHA256_SIZE];
};
struct mrl_ca_rows {
    struct mrl_ca_row at[MRL_KEYS_GENERATIONS_MAX];
    size_t count;
};

/* [service] Enters what is not known yet and gives the state of each, in the order of facts.
 * bundle: what EST serves afterwards is made by the caller, see issuing/bundles.h. MRL_ERR_CORRUPT:
 * the key process holds another CA of a number than the store knows. */
mrl_err mrl_ca_sync(struct mrl_store *s, const struct mrl_keys_facts *facts,
                    struct mrl_ca_rows *out, struct mrl_why *why);

struct mrl_ca_step {
    enum mrl_ca_kind kind;
    uint8_t number;
    enum mrl_ca_state to; /* MRL_CA_ACTIVE or MRL_CA_RETIRED */
    mrl_bytes reason;     /* may be empty */
    uint64_t breaking;    /* retire: how many devices are left behind, for the entry */
};
/* [service] MRL_ERR_NOT_FOUND: no such CA. MRL_ERR_STATE: it is retired, or is to be retired and
 * active. Activating what is active already changes nothing and is no error. */
mrl_err mrl_ca_take_step(struct mrl_store *s, const struct mrl_actor *actor,
                         const struct mrl_ca_step *step, struct mrl_why *why);

#endif
