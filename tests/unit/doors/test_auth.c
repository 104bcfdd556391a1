/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/auth.h"

#include "doors/mqtt/auth_proof.h"
#include "tests/unit/net/pki.h"
#include "tests/unit/unit.h"

#define METHOD "MERLON-KEY-PROOF-1"

struct world {
    struct pki pki;
    struct pki_identity device, other;
    struct mrl_auth *auth; /* of the device's connection */
    struct mrl_buf nonce;
};

static struct mrl_auth *new_exchange(const struct pki_identity *who)
{
    const struct mrl_auth_peer peer = {MRL_LIT("binding of this connection"), who->fingerprint};

    return mrl_auth_new(mrl_auth_find(MRL_LIT(METHOD)), &peer);
}

static int set_up(void **state)
{
    static struct world w;

    w = (struct world){0};
    pki_init(&w.pki);
    pki_issue(&w.pki.ca, MRL_CERT_DEVICE, "device", -60, 3600, &w.device);
    pki_issue(&w.pki.ca, MRL_CERT_DEVICE, "other", -60, 3600, &w.other);
    w.auth = new_exchange(&w.device);
    assert_int_equal(mrl_auth_begin(w.auth, MRL_BYTES_NONE, &w.nonce), MRL_ERR_AGAIN);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    mrl_auth_free(w->auth);
    mrl_buf_done(&w->nonce);
    pki_identity_done(&w->device);
    pki_identity_done(&w->other);
    pki_done(&w->pki);
    return 0;
}

/* What a client sends: its certificate, and a signature over binding and nonce. */
static void answer(const struct pki_identity *shown, const struct pki_identity *signer,
                   mrl_bytes binding, mrl_bytes nonce, struct mrl_buf *out)
{
    mrl_bytes der = mrl_cert_facts(shown->chain.certs[0])->der;
    uint8_t size[2] = {(uint8_t)(der.len >> 8), (uint8_t)der.len};
    MRL_SCOPED(mrl_buf) text = {0};

    assert_ok(mrl_auth_proof_text(binding, nonce, &text));
    assert_ok(mrl_buf_append(out, mrl_bytes_of(size, sizeof(size))));
    assert_ok(mrl_buf_append(out, der));
    assert_ok(mrl_key_sign(signer->key, mrl_buf_bytes(&text), out));
}

static mrl_err step_with(struct world *w, const struct pki_identity *shown,
                         const struct pki_identity *signer, mrl_bytes binding, mrl_bytes nonce)
{
    MRL_SCOPED(mrl_buf) data = {0}, ignored = {0};

    answer(shown, signer, binding, nonce, &data);
    return mrl_auth_step(w->auth, mrl_buf_bytes(&data), &ignored);
}

static void the_key_of_the_certificate_proves(void **state)
{
    struct world *w = *state;

    assert_int_equal(w->nonce.len, MRL_AUTH_NONCE);
    assert_ok(step_with(w, &w->device, &w->device, MRL_LIT("binding of this connection"),
                        mrl_buf_bytes(&w->nonce)));
}

static void another_key_certificate_nonce_or_connection_does_not(void **state)
{
    struct world *w = *state;
    const mrl_bytes binding = MRL_LIT("binding of this connection");
    const struct {
        const struct pki_identity *shown, *signer;
        mrl_bytes binding, nonce;
    } cases[] = {
        {&w->device, &w->other, binding, mrl_buf_bytes(&w->nonce)},
        {&w->other, &w->other, binding, mrl_buf_bytes(&w->nonce)},
        {&w->device, &w->device, MRL_LIT("binding of that connection"), mrl_buf_bytes(&w->nonce)},
        {&w->device, &w->device, binding, MRL_LIT("another nonce")},
        {&w->device, &w->device, binding, MRL_BYTES_NONE},
    };

    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        MRL_SCOPED(mrl_buf) next = {0};

        assert_int_equal(step_with(w, cases[i].shown, cases[i].signer, cases[i].binding,
                                   i < 3 ? mrl_buf_bytes(&w->nonce) : cases[i].nonce),
                         MRL_ERR_AUTH);
        assert_int_equal(mrl_auth_begin(w->auth, MRL_BYTES_NONE, &next), MRL_ERR_AGAIN);
        mrl_buf_clear(&w->nonce);
        assert_ok(mrl_buf_append(&w->nonce, mrl_buf_bytes(&next)));
    }
}

static void a_nonce_is_good_for_one_answer(void **state)
{
    struct world *w = *state;
    MRL_SCOPED(mrl_buf) next = {0};
    const mrl_bytes binding = MRL_LIT("binding of this connection");

    assert_ok(step_with(w, &w->device, &w->device, binding, mrl_buf_bytes(&w->nonce)));
    assert_int_equal(step_with(w, &w->device, &w->device, binding, mrl_buf_bytes(&w->nonce)),
                     MRL_ERR_STATE);
    assert_int_equal(mrl_auth_begin(w->auth, MRL_BYTES_NONE, &next), MRL_ERR_AGAIN);
    assert_int_equal(step_with(w, &w->device, &w->device, binding, mrl_buf_bytes(&w->nonce)),
                     MRL_ERR_AUTH);
}

static void one_exchange_at_a_time(void **state)
{
    struct world *w = *state;
    MRL_SCOPED(mrl_buf) out = {0};

    assert_int_equal(mrl_auth_begin(w->auth, MRL_BYTES_NONE, &out), MRL_ERR_STATE);
    assert_int_equal(mrl_auth_step(w->auth, MRL_LIT("?"), &out), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_auth_step(w->auth, MRL_LIT("?"), &out), MRL_ERR_STATE);
    assert_int_equal(mrl_auth_begin(w->auth, MRL_LIT("unexpected"), &out), MRL_ERR_MALFORMED);
}

static void what_is_cut_or_too_long_is_malformed(void **state)
{
    static uint8_t largest[MRL_AUTH_PROOF_MAX + 1] = {0x00, 0x01};
    static const mrl_bytes broken[] = {
        MRL_LIT_INIT(""),
        MRL_LIT_INIT("\0"),
        MRL_LIT_INIT("\0\0"),
        MRL_LIT_INIT("\0\0s"),
        MRL_LIT_INIT("\0\x01c"),
        MRL_LIT_INIT("\0\x02"
                     "c"),
    };
    struct mrl_auth_proof_answer a;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(broken); i++)
        assert_int_equal(mrl_auth_proof_read(broken[i], &a), MRL_ERR_MALFORMED);
    assert_ok(mrl_auth_proof_read(MRL_LIT("\0\x01"
                                          "cs"),
                                  &a));
    assert_bytes_equal(a.certificate, MRL_LIT("c"));
    assert_bytes_equal(a.signature, MRL_LIT("s"));
    assert_ok(mrl_auth_proof_read(mrl_bytes_of(largest, MRL_AUTH_PROOF_MAX), &a));
    assert_int_equal(mrl_auth_proof_read(mrl_bytes_of(largest, sizeof(largest)), &a),
                     MRL_ERR_MALFORMED);
}

static void other_methods_are_not_offered(void **state)
{
    (void)state;
    assert_non_null(mrl_auth_find(MRL_LIT(METHOD)));
    assert_null(mrl_auth_find(MRL_LIT("SCRAM-SHA-256")));
    assert_null(mrl_auth_find(MRL_LIT("merlon-key-proof-1")));
    assert_null(mrl_auth_find(MRL_BYTES_NONE));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_key_of_the_certificate_proves),
        CASE(another_key_certificate_nonce_or_connection_does_not),
        CASE(a_nonce_is_good_for_one_answer),
        CASE(one_exchange_at_a_time),
        cmocka_unit_test(what_is_cut_or_too_long_is_malformed),
        cmocka_unit_test(other_methods_are_not_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
