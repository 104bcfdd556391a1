/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/trust.h"

#include "issuing/bundles.h"
#include "wire/mqtt_props.h"

void mrl_mqtt_note_trust(struct mrl_store *store, mrl_bytes device, mrl_bytes user_properties)
{
    struct mrl_mqtt_cursor at = mrl_mqtt_cursor_on(user_properties);
    struct mrl_bundle_version version;
    mrl_bytes name, value;

    while (store != NULL && mrl_mqtt_user_property_next(&at, &name, &value)) {
        if (!mrl_bytes_eq(name, MRL_LIT(MRL_BUNDLE_PROPERTY)))
            continue;
        if (mrl_bundle_read(value, &version) == MRL_OK)
            mrl_bundle_report(store, device, &version);
        return;
    }
}
