/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/hardware/pcrs.h"

bool mrl_pcrs_valid(const struct mrl_pcrs *p)
{
    if (p->bank == 0)
        return p->mask == 0;
    return (p->bank == MRL_PCR_SHA256 || p->bank == MRL_PCR_SHA384) && p->mask != 0 &&
           p->mask < 1U << (MRL_PCR_LAST + 1) && __builtin_popcount(p->mask) <= MRL_PCR_MOST;
}

static mrl_err read_bank(mrl_bytes name, uint16_t *out)
{
    if (mrl_bytes_eq(name, MRL_LIT("sha256")))
        *out = MRL_PCR_SHA256;
    else if (mrl_bytes_eq(name, MRL_LIT("sha384")))
        *out = MRL_PCR_SHA384;
    else
        return MRL_ERR_INVALID;
    return MRL_OK;
}

static mrl_err read_mask(mrl_bytes list, uint32_t *out)
{
    uint32_t mask = 0;
    mrl_bytes item;
    bool more = true;

    while (more) {
        uint64_t pcr;

        more = mrl_bytes_split(list, ',', &item, &list);
        MRL_ENSURE(mrl_bytes_to_u64(item, MRL_PCR_LAST, &pcr), MRL_ERR_INVALID);
        MRL_ENSURE((mask & 1U << pcr) == 0, MRL_ERR_INVALID);
        mask |= 1U << pcr;
    }
    *out = mask;
    return MRL_OK;
}

mrl_err mrl_pcrs_read(mrl_bytes text, struct mrl_pcrs *out, struct mrl_why *why)
{
    struct mrl_pcrs p = {0};
    mrl_bytes bank, list;

    if (text.len > 0 &&
        (!mrl_bytes_split(text, ':', &bank, &list) || read_bank(bank, &p.bank) != MRL_OK ||
         read_mask(list, &p.mask) != MRL_OK || !mrl_pcrs_valid(&p)))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "--tpm-pcrs takes sha256 or sha384 and up to %d numbers from 0 to %d, such "
                        "as sha256:7,11",
                        MRL_PCR_MOST, MRL_PCR_LAST);
    *out = p;
    return MRL_OK;
}
