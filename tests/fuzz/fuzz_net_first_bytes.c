/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/bytes.h"
#include "net/address.h"
#include "net/network.h"
#include "net/plaintext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A range of addresses has the one it is written with. */
static void check_network(mrl_bytes input)
{
    mrl_bytes host, bits;
    struct mrl_network n;
    struct mrl_peer p;

    (void)mrl_bytes_split(input, '/', &host, &bits);
    if (mrl_network_parse(input, &n, NULL) != MRL_OK)
        return;
    if (mrl_network_parse_host(host, &p) != MRL_OK || !mrl_network_has(&n, &p))
        abort();
}

/* TLS is never answered in plain text, whatever else comes has one of the known answers; and an
 * address that is read and written reads as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes input = mrl_bytes_of(data, size);
    mrl_bytes answer = mrl_plaintext_answer(input);
    char text[MRL_ADDRESS_TEXT], again[MRL_ADDRESS_TEXT];
    struct mrl_address a;

    if (mrl_plaintext_is_tls(input) && answer.len != 0)
        abort();
    if (answer.len != 0 && answer.data[0] != 0x20 &&
        !mrl_bytes_starts(answer, MRL_LIT("HTTP/1.1 400 ")))
        abort();
    check_network(input);
    if (mrl_address_parse(input, &a, NULL) != MRL_OK)
        return 0;
    mrl_address_format(&a, text);
    if (mrl_address_parse(mrl_str(text), &a, NULL) != MRL_OK)
        abort();
    mrl_address_format(&a, again);
    if (!mrl_bytes_eq(mrl_str(text), mrl_str(again)))
        abort();
    return 0;
}
