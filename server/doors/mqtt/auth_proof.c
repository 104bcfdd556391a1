/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/auth_proof.h"

#include "base/random.h"
#include "base/reader.h"
#include "crypto/cert.h"

static const char name[] = "MERLON-KEY-PROOF-1";

struct state {
    uint8_t nonce[MRL_AUTH_NONCE];
};

mrl_err mrl_auth_proof_read(mrl_bytes data, struct mrl_auth_proof_answer *out)
{
    struct mrl_reader r = {data};
    struct mrl_auth_proof_answer a;

    MRL_ENSURE(data.len <= MRL_AUTH_PROOF_MAX, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_blob16(&r, &a.certificate));
    a.signature = mrl_read_rest(&r);
    MRL_ENSURE(a.certificate.len > 0 && a.signature.len > 0, MRL_ERR_MALFORMED);
    *out = a;
    return MRL_OK;
}

/* The name and the zero byte keep it apart from everything else this key signs. */
mrl_err mrl_auth_proof_text(mrl_bytes binding, mrl_bytes nonce, struct mrl_buf *out)
{
    MRL_TRY(mrl_buf_append(out, mrl_bytes_of(name, sizeof(name))));
    MRL_TRY(mrl_buf_append(out, binding));
    return mrl_buf_append(out, nonce);
}

static mrl_err begin(void *state, const struct mrl_auth_peer *peer, mrl_bytes data,
                     struct mrl_buf *answer)
{
    struct state *s = state;

    (void)peer;
    MRL_ENSURE(data.len == 0, MRL_ERR_MALFORMED);
    mrl_random(s->nonce, sizeof(s->nonce));
    MRL_TRY(mrl_buf_append(answer, mrl_bytes_of(s->nonce, sizeof(s->nonce))));
    return MRL_ERR_AGAIN;
}

/* The key of the certificate this connection is authenticated with. A resumed connection has none
 * to look into, so the client sends it, and its fingerprint must be the right one. */
static mrl_err key_of(const struct mrl_auth_peer *peer, mrl_bytes certificate, struct mrl_key **out)
{
    MRL_AUTO(mrl_cert) cert = NULL;
    struct mrl_fingerprint fingerprint;

    MRL_TRY(mrl_fingerprint_of(certificate, &fingerprint));
    MRL_ENSURE(mrl_bytes_eq(mrl_fingerprint_bytes(&fingerprint),
                            mrl_fingerprint_bytes(&peer->certificate)),
               MRL_ERR_AUTH);
    MRL_TRY(mrl_cert_from_der(certificate, &cert));
    return mrl_cert_key(cert, out);
}

static mrl_err step(void *state, const struct mrl_auth_peer *peer, mrl_bytes data,
                    struct mrl_buf *answer)
{
    const struct state *s = state;
    struct mrl_auth_proof_answer a;
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) text = {0};

    (void)answer;
    MRL_TRY(mrl_auth_proof_read(data, &a));
    MRL_ENSURE(key_of(peer, a.certificate, &key) == MRL_OK, MRL_ERR_AUTH);
    MRL_TRY(mrl_auth_proof_text(peer->binding, mrl_bytes_of(s->nonce, sizeof(s->nonce)), &text));
    MRL_ENSURE(mrl_key_verify(key, mrl_key_algorithm(key), mrl_buf_bytes(&text), a.signature) ==
                   MRL_OK,
               MRL_ERR_AUTH);
    return MRL_OK;
}

const struct mrl_auth_mechanism mrl_auth_proof = {
    .name = name, .state_size = sizeof(struct state), .begin = begin, .step = step};
