/* SPDX-License-Identifier: Apache-2.0 */
/* A server and one device that may come, for a group of tests. */
#ifndef MRL_TESTS_NET_ONE_DEVICE_H
#define MRL_TESTS_NET_ONE_DEVICE_H

#include "tests/unit/net/pki.h"

#define DAY INT64_C(86400)

static struct pki pki;
static struct pki_identity device;

static inline int set_up(void **state)
{
    (void)state;
    pki_init(&pki);
    pki_issue(&pki.ca, MRL_CERT_DEVICE, "device-1", -DAY, DAY, &device);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    pki_identity_done(&device);
    pki_done(&pki);
    return 0;
}

#endif
