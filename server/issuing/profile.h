/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment profiles: what a label of the EST door gives, to whom, and on what condition. RFC 7030
 * 3.2.2. Layer: issuing. Thread: any; a profile does not change once the daemon runs. */
#ifndef MRL_ISSUING_PROFILE_H
#define MRL_ISSUING_PROFILE_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/id.h"
#include "crypto/key.h"

enum {
    MRL_PROFILES_MAX = 32,
    MRL_PROFILE_KEYS_MAX = MRL_KEY_RSA + 1,
    MRL_PROFILE_NAME_MAX = MRL_LABEL_MAX
};

/* Must a request show by challengePassword that it was made for the connection it comes over? What
 * is there is always checked. RFC 7030 3.5 */
enum mrl_profile_proof {
    MRL_PROOF_IF_PRESENT,
    MRL_PROOF_FIRST,  /* a first request must; clients that bind no renewal exist (libest) */
    MRL_PROOF_ALWAYS, /* a renewal, too */
};

struct mrl_profile { /* everything is borrowed */
    mrl_bytes name;
    uint64_t life_s;         /* of the certificate; 0: that of every device */
    const mrl_bytes *groups; /* whose devices may use it; none: every device */
    size_t group_count;
    enum mrl_key_type keys[MRL_PROFILE_KEYS_MAX]; /* the first is what csrattrs asks for */
    size_t key_count;
    enum mrl_profile_proof proof;
    bool silent;       /* csrattrs asks for nothing */
    bool one_line;     /* base64 of answers has no line ends, whatever the request looks like */
    bool serverkeygen; /* keys are made here when a device asks. RFC 7030 4.4 */
};

/* For requests without a label, unless a profile of this name says otherwise: every device, every
 * kind of key. */
extern const struct mrl_profile mrl_profile_default;

struct mrl_profiles {
    struct mrl_profile all[MRL_PROFILES_MAX];
    size_t count;
};

/* MRL_ERR_INVALID with the reason: a name that no path can carry, is an operation of EST (RFC 7030
 * 3.2.2) or comes twice; a profile that makes keys but takes none that can be made, or that demands
 * a proof without asking for it. */
mrl_err mrl_profiles_check(const struct mrl_profiles *p, struct mrl_why *why);
/* Empty label: the profile "default". NULL: there is none of this name. p may be NULL. */
const struct mrl_profile *mrl_profiles_find(const struct mrl_profiles *p, mrl_bytes label);

/* The longest life a profile gives, at least least_s. */
uint64_t mrl_profiles_longest_life(const struct mrl_profiles *p, uint64_t least_s);

bool mrl_profile_admits(const struct mrl_profile *p, mrl_bytes group);
bool mrl_profile_takes(const struct mrl_profile *p, enum mrl_key_type type);
/* The first kind of key that can be made here (crypto/key.h). false: none. */
bool mrl_profile_made_key(const struct mrl_profile *p, enum mrl_key_type *out);

#endif
