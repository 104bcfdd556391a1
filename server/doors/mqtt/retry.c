/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/retry.h"

#include "base/writer.h"
#include "wire/mqtt_props.h"

mrl_bytes mrl_retry_property(unsigned wait_s, uint8_t memory[static MRL_RETRY_PROPERTY_MAX])
{
    struct mrl_writer w = mrl_writer_on(memory, MRL_RETRY_PROPERTY_MAX);
    char digits[16];
    struct mrl_writer number = mrl_writer_on(digits, sizeof(digits));
    mrl_bytes written = MRL_BYTES_NONE;

    if (wait_s == 0)
        return written;
    mrl_put_text(&number, "%u", wait_s);
    mrl_mqtt_put_user_property(&w, MRL_LIT("Retry-After"), mrl_bytes_of(digits, number.len));
    (void)mrl_writer_end(&w, &written); /* fits: a name and one number */
    return written;
}
