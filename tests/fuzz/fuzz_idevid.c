/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/idevid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(mrl_bytes part, mrl_bytes whole)
{
    return part.data >= whole.data && part.data + part.len <= whole.data + whole.len;
}

/* The names of a maker's certificate: first byte odd the subject, even the subjectAltName. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes in = mrl_bytes_of(data, size), serial;
    struct mrl_hardware_module module;

    if (size == 0)
        return 0;
    in = mrl_bytes_sub(in, 1, in.len);
    if ((data[0] & 1) != 0) {
        if (mrl_idevid_serial(in, &serial) == MRL_OK &&
            (serial.len == 0 || serial.len > MRL_SERIAL_NUMBER_MAX || !is_within(serial, in)))
            abort();
        return 0;
    }
    if (mrl_idevid_hardware(in, &module) == MRL_OK &&
        (module.type.len == 0 || module.type.len > MRL_HARDWARE_TYPE_MAX ||
         module.serial.len == 0 || module.serial.len > MRL_HARDWARE_SERIAL_MAX ||
         !is_within(module.serial, in) || !is_within(module.type, in)))
        abort();
    return 0;
}
