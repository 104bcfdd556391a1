/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "onboarding/provision_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* The first byte says which format. What is taken stays within the limits, and what a message says
 * can be answered in both formats. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum mrl_provision_format format =
        size > 0 && data[0] == 'c' ? MRL_PROVISION_CBOR : MRL_PROVISION_JSON;
    mrl_bytes payload = mrl_bytes_sub(mrl_bytes_of(data, size), 1, size);
    MRL_SCOPED(mrl_provision_message) m = {0};
    MRL_SCOPED(mrl_buf) answer = {0};
    const struct mrl_provision_told told = {.time_s = 1};
    struct mrl_why why = {""};

    if (mrl_provision_message_read(format, payload, &m, &why) != MRL_OK) {
        check(why.text[0] != '\0' && m.json == NULL && m.count == 0);
        return 0;
    }
    check(m.count <= MRL_TEMPLATE_PARAMETERS_MAX && payload.len <= MRL_PROVISION_MESSAGE_MAX);
    for (int f = 0; f < MRL_PROVISION_FORMAT_COUNT_; f++) {
        mrl_err err = mrl_provision_write_certificate((enum mrl_provision_format)f, m.token, m.csr,
                                                      m.token, &told, &answer);

        check(err == MRL_OK || err == MRL_ERR_INVALID); /* JSON holds no U+0000 here */
    }
    return 0;
}
