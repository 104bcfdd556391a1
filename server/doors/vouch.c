/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/vouch.h"

#include "base/clock.h"

static enum mrl_tls_refusal vouch(struct mrl_makers *makers, const struct mrl_cert *leaf,
                                  const struct mrl_cert_list *sent, bool mqtt)
{
    enum mrl_chain_reason reason;
    struct mrl_maker_rule maker;
    mrl_err err = mrl_makers_find(makers, leaf, sent, mrl_wall_s(), &maker, &reason);

    if (err == MRL_ERR_AUTH)
        return mrl_tls_refusal_of_chain(reason);
    if (err != MRL_OK || (mqtt && !maker.jitp))
        return MRL_TLS_UNREGISTERED;
    return MRL_TLS_ACCEPTED;
}

enum mrl_tls_refusal mrl_vouch_enrolment(void *makers, const struct mrl_cert *leaf,
                                         const struct mrl_cert_list *sent)
{
    return vouch(makers, leaf, sent, /*mqtt=*/false);
}

enum mrl_tls_refusal mrl_vouch_mqtt(void *makers, const struct mrl_cert *leaf,
                                    const struct mrl_cert_list *sent)
{
    return vouch(makers, leaf, sent, /*mqtt=*/true);
}
