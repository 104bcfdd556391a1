/* SPDX-License-Identifier: Apache-2.0 */
/* What a manufacturer's device certificate (IEEE 802.1AR) says about which device it is. Layer:
 * crypto. Thread: any. Results are views into the input. */
#ifndef MRL_CRYPTO_IDEVID_H
#define MRL_CRYPTO_IDEVID_H

#include "base/bytes.h"
#include "base/err.h"

enum {
    MRL_SERIAL_NUMBER_MAX = 64, /* bytes; RFC 5280 A.1 ub-serial-number */
    MRL_HARDWARE_SERIAL_MAX = 64,
    MRL_HARDWARE_TYPE_MAX = 64, /* bytes of the OID */
};

/* The X520 serialNumber of a Name (SEQUENCE included), which is the device: RFC 8995 2.3.1. Text
 * without control characters. MRL_ERR_NOT_FOUND: none; MRL_ERR_MALFORMED: the Name is broken, there
 * is more than one, or it is not clean text; MRL_ERR_LIMIT. */
mrl_err mrl_idevid_serial(mrl_bytes subject, mrl_bytes *out);

struct mrl_hardware_module {
    mrl_bytes type;   /* OID, content only */
    mrl_bytes serial; /* any bytes, at least one */
};
/* HardwareModuleName (RFC 4108 5) among GeneralNames (SEQUENCE included; may be empty). Errors as
 * above. */
mrl_err mrl_idevid_hardware(mrl_bytes san, struct mrl_hardware_module *out);

#endif
