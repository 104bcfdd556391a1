/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/offer.h"

#include "base/json.h"

enum { LATEST_S = 1 << 30 /* times 256: the year 10680 */ };
static const int64_t latest_s = (int64_t)LATEST_S * 256;

bool mrl_offer_read_seconds(mrl_bytes value, int64_t *out)
{
    uint64_t number;

    if (!mrl_bytes_to_u64(mrl_bytes_trim(value), (uint64_t)latest_s, &number))
        return false;
    *out = (int64_t)number;
    return true;
}

static bool is_good(const struct mrl_offer *o)
{
    return o->start_s > 0 && o->start_s <= o->end_s;
}

bool mrl_offer_read_field(mrl_bytes value, struct mrl_offer *out)
{
    struct mrl_offer o = {0};
    bool more = value.len <= MRL_OFFER_TEXT_MAX;

    while (more) {
        mrl_bytes member, name, number;

        more = mrl_bytes_split(value, ',', &member, &value);
        if (!mrl_bytes_split(mrl_bytes_trim(member), '=', &name, &number))
            return false;
        if (mrl_bytes_eq(name, MRL_LIT("start")) && !mrl_offer_read_seconds(number, &o.start_s))
            return false;
        if (mrl_bytes_eq(name, MRL_LIT("end")) && !mrl_offer_read_seconds(number, &o.end_s))
            return false;
    }
    if (!is_good(&o))
        return false;
    *out = o;
    return true;
}

static mrl_err read_members(const json_t *json, struct mrl_offer *out)
{
    struct mrl_offer o;

    MRL_TRY(mrl_json_get_int(json, "start", 1, latest_s, &o.start_s, NULL));
    MRL_TRY(mrl_json_get_int(json, "end", 1, latest_s, &o.end_s, NULL));
    MRL_ENSURE(is_good(&o), MRL_ERR_MALFORMED);
    *out = o;
    return MRL_OK;
}

static mrl_err read_json(mrl_bytes text, json_t **out)
{
    const struct mrl_json_limits limits = {MRL_OFFER_TEXT_MAX, 1};

    return mrl_json_read(text, &limits, out, NULL) == MRL_OK ? MRL_OK : MRL_ERR_MALFORMED;
}

mrl_err mrl_offer_read_message(mrl_bytes text, struct mrl_offer *out)
{
    MRL_AUTO(json_t) json = NULL;

    MRL_TRY(read_json(text, &json));
    return read_members(json, out) == MRL_OK ? MRL_OK : MRL_ERR_MALFORMED;
}

mrl_err mrl_offer_write(const struct mrl_offer *o, mrl_bytes fingerprint, struct mrl_buf *out)
{
    return mrl_buf_printf(out, "{\"certificate\":\"%.*s\",\"end\":%lld,\"start\":%lld}\n",
                          MRL_FMT(fingerprint), (long long)o->end_s, (long long)o->start_s);
}

mrl_err mrl_offer_read(mrl_bytes text, mrl_bytes fingerprint, struct mrl_offer *out)
{
    MRL_AUTO(json_t) json = NULL;
    mrl_bytes of;

    MRL_TRY(read_json(text, &json));
    MRL_ENSURE(mrl_json_get_str(json, "certificate", &of, NULL) == MRL_OK, MRL_ERR_MALFORMED);
    MRL_ENSURE(mrl_bytes_eq(of, fingerprint), MRL_ERR_NOT_FOUND);
    return read_members(json, out) == MRL_OK ? MRL_OK : MRL_ERR_MALFORMED;
}
