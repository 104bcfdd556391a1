/* SPDX-License-Identifier: Apache-2.0 */
#include "net/plaintext.h"

#include "base/attr.h"

/* LEVEL_AT: MQTT's protocol level, after two bytes of header and the name. */
enum { TLS_HANDSHAKE_RECORD = 0x16, MQTT_CONNECT = 0x10, LEVEL_AT = 8 };

bool mrl_plaintext_is_tls(mrl_bytes first)
{
    return first.len > 0 && first.data[0] == TLS_HANDSHAKE_RECORD;
}

static bool looks_like_http(mrl_bytes first)
{
    static const mrl_bytes methods[] = {
        MRL_LIT_INIT("GET "),  MRL_LIT_INIT("POST "),    MRL_LIT_INIT("PUT "),
        MRL_LIT_INIT("HEAD "), MRL_LIT_INIT("DELETE "),  MRL_LIT_INIT("PATCH "),
        MRL_LIT_INIT("PRI "),  MRL_LIT_INIT("OPTIONS "), MRL_LIT_INIT("CONNECT "),
    };

    for (size_t i = 0; i < MRL_COUNT(methods); i++)
        if (mrl_bytes_starts(first, methods[i]))
            return true;
    return false;
}

/* The protocol's own way to say no: MQTT 3.1.1 3.2.2.3 (5: not authorized), MQTT 5 3.2.2.2 (0x87).
 */
mrl_bytes mrl_plaintext_answer(mrl_bytes first)
{
    static const char http[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        "Content-Length: 28\r\n\r\nThis port speaks TLS only.\r\n";

    if (looks_like_http(first))
        return mrl_str(http);
    if (first.len == 0 || first.data[0] != MQTT_CONNECT)
        return MRL_BYTES_NONE;
    if (mrl_bytes_eq(mrl_bytes_sub(first, 2, 6), MRL_LIT("\0\4MQTT")) && first.len > LEVEL_AT &&
        first.data[LEVEL_AT] == 5)
        return MRL_LIT("\x20\x03\x00\x87\x00");
    return MRL_LIT("\x20\x02\x00\x05");
}
