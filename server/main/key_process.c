/* SPDX-License-Identifier: Apache-2.0 */
#include "main/key_process.h"

#include <unistd.h>

#include "base/log.h"
#include "keys/keeper.h"
#include "keys/spawn.h"
#include "keys/text.h"
#include "main/privileges.h"
#include "main/unlock_source.h"
#include "onboarding/claim.h"

enum {
    HARDWARE_START_MS = 60000, /* longer than merlon-keys waits for the answer of a TPM */
    LIFE_MARGIN_S =
        2 * 3600, /* notBefore lies an hour back: what the key process counts is longer */
};

static mrl_err start_keeper(struct mrl_server *s, const struct mrl_keys_options *options,
                            struct mrl_why *why)
{
    struct mrl_why denied = {""};
    mrl_err err = mrl_keys_keeper_start(options, &s->keeper, &denied);

    if (err == MRL_ERR_DENIED) {
        mrl_log_warn("keys.no_keeper", MRL_FIELD_STR("why", denied.text));
        return MRL_OK;
    }
    return err == MRL_OK ? MRL_OK : mrl_fail(why, err, "%s", denied.text);
}

mrl_err mrl_key_process_start(struct mrl_server *s, const struct mrl_paths *paths,
                              struct mrl_why *why)
{
    const struct mrl_config *c = s->config;
    char revocation_url[MRL_KEYS_URL_MAX + 1];
    struct mrl_account account;
    struct mrl_keys_options options = {
        .program = paths->keys_program,
        .dir = paths->keys,
        .max_lifetime_s = {[MRL_KEYS_DEVICE] =
                               mrl_profiles_longest_life(&s->profiles, c->issuing.device_life_s) +
                               LIFE_MARGIN_S,
                           [MRL_KEYS_APPLICATION] = c->issuing.application_life_s + LIFE_MARGIN_S,
                           [MRL_KEYS_OPERATOR] = c->issuing.operator_life_s + LIFE_MARGIN_S,
                           [MRL_KEYS_SERVER] = c->issuing.server_life_s + LIFE_MARGIN_S,
                           [MRL_KEYS_CLAIM] = MRL_CLAIM_LIFE_MAX_S + LIFE_MARGIN_S},
        .issue_rate = (uint32_t)c->keys.issue_rate,
        .issue_burst = (uint32_t)c->keys.issue_rate * 10,
    };

    MRL_TRY(mrl_account_find(c->keys.user, &account, why));
    if (geteuid() == 0)
        options.user = account.name;
    else
        mrl_log_warn(
            "keys.same_account",
            MRL_FIELD_STR("why", "not started by root: daemon and key process share one account"));
    if (c->revocation.url.len > 0 &&
        mrl_bytes_to_cstr(c->revocation.url, revocation_url, sizeof(revocation_url)))
        options.revocation_url = revocation_url;
    MRL_TRY(mrl_unlock_source_of(c, &options.source, why));
    if (mrl_unlock_is_hardware(options.source.kind))
        options.start_timeout_ms = HARDWARE_START_MS;
    MRL_TRY(mrl_keys_spawn(&options, &s->keys, why));
    return start_keeper(s, &options, why);
}
