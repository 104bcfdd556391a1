/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/attest.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/list.h"
#include "base/random.h"
#include "crypto/csr.h"
#include "devices/hardware.h"
#include "onboarding/attest_check.h"
#include "onboarding/maker_enrol.h"

enum { BINDING_MAX = 64 };

struct challenge {
    struct mrl_list node;
    uint64_t ends_ms; /* monotonic: the list is in this order */
    char id[MRL_ATTEST_ID_TEXT + 1];
    struct mrl_name device;
    struct mrl_attest_tpm tpm; /* without its views */
    struct mrl_secret *secret;
    uint8_t nonce[MRL_ATTEST_NONCE];
    uint8_t binding[BINDING_MAX];
    size_t binding_len;
};

struct mrl_attest {
    struct mrl_onboarding *onboarding;
    struct mrl_cert_list roots;
    uint64_t life_s;
    unsigned open_max;
    pthread_mutex_t lock;
    struct mrl_list open; /* struct challenge, under lock */
    size_t count;
};

static void challenge_free(struct challenge *c)
{
    if (c == NULL)
        return;
    mrl_attest_tpm_done(&c->tpm);
    mrl_secret_free(c->secret);
    free(c);
}

static void challenge_auto(struct challenge **c)
{
    challenge_free(*c);
}
#define CHALLENGE __attribute__((cleanup(challenge_auto))) struct challenge *

mrl_err mrl_attest_new(struct mrl_onboarding *onboarding, struct mrl_cert_list *roots,
                       uint64_t life_s, unsigned open_max, struct mrl_attest **out)
{
    struct mrl_attest *a = calloc(1, sizeof(*a));

    if (a == NULL)
        abort();
    a->onboarding = onboarding;
    a->roots = *roots;
    *roots = (struct mrl_cert_list){0};
    a->life_s = life_s;
    a->open_max = open_max;
    mrl_list_init(&a->open);
    if (pthread_mutex_init(&a->lock, NULL) != 0) {
        mrl_cert_list_done(&a->roots);
        free(a);
        return MRL_ERR_NO_SPACE;
    }
    *out = a;
    return MRL_OK;
}

/* ---- open challenges ---- */

static void drop(struct mrl_attest *a, struct challenge *c)
{
    mrl_list_remove(&c->node);
    a->count--;
    challenge_free(c);
}

void mrl_attest_free(struct mrl_attest *a)
{
    if (a == NULL)
        return;
    MRL_LIST_EACH(c, &a->open, struct challenge, node)
    drop(a, c);
    (void)pthread_mutex_destroy(&a->lock); /* nobody is left who holds it */
    mrl_cert_list_done(&a->roots);
    free(a);
}

/* Under lock: what has ended, and what the device had open. */
static void clear_up(struct mrl_attest *a, uint64_t now, mrl_bytes device)
{
    MRL_LIST_EACH(c, &a->open, struct challenge, node)
    if (c->ends_ms <= now || mrl_bytes_eq(mrl_name_bytes(&c->device), device))
        drop(a, c);
}

/* Takes c when it succeeds. */
static bool keep(struct mrl_attest *a, struct challenge *c)
{
    bool room;

    (void)pthread_mutex_lock(&a->lock); /* fails only when misused */
    clear_up(a, mrl_monotonic_ms(), mrl_name_bytes(&c->device));
    room = a->count < a->open_max;
    if (room) {
        mrl_list_add(&a->open, &c->node);
        a->count++;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return room;
}

/* Gives; NULL: none of this id is open. Whoever has it answers for it: nobody else finds it. */
static struct challenge *take(struct mrl_attest *a, mrl_bytes id)
{
    struct challenge *found = NULL;

    (void)pthread_mutex_lock(&a->lock);
    clear_up(a, mrl_monotonic_ms(), MRL_BYTES_NONE);
    MRL_LIST_EACH(c, &a->open, struct challenge, node)
    if (mrl_bytes_eq(mrl_str(c->id), id))
        found = c;
    if (found != NULL) {
        mrl_list_remove(&found->node);
        a->count--;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return found;
}

/* ---- begin ---- */

static enum mrl_enrol_refusal refuse(struct mrl_attest *a, const struct mrl_enrolment *e,
                                     mrl_err err, const struct mrl_why *why)
{
    mrl_enrol_note_refused(a->onboarding, e, why->text);
    if (err == MRL_ERR_DENIED)
        return MRL_ENROL_FORBIDDEN;
    return err == MRL_ERR_MALFORMED || err == MRL_ERR_INVALID ? MRL_ENROL_BAD_REQUEST
                                                              : MRL_ENROL_UNAVAILABLE;
}

static mrl_err make_challenge(const struct mrl_attest *a, const struct mrl_enrolment *e,
                              const struct mrl_attest_claim *claim, struct challenge *c,
                              struct mrl_why *why)
{
    uint8_t id[MRL_ATTEST_ID_TEXT / 2];

    if (e->binding.len == 0 || e->binding.len > sizeof(c->binding))
        return mrl_fail(why, MRL_ERR_DENIED,
                        "the connection has no channel binding: TLS 1.2 without extended master "
                        "secret");
    if (a->roots.count == 0)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "this server trusts no maker of TPMs: [attestation] ek_roots is empty");
    MRL_TRY(mrl_attest_check_tpm(claim, &a->roots, mrl_wall_s(), &c->tpm, why));
    (void)mrl_name_set(&c->device, e->device); /* a device that is admitted has a valid name */
    memcpy(c->binding, e->binding.data, e->binding.len);
    c->binding_len = e->binding.len;
    mrl_random(id, sizeof(id));
    mrl_hex(mrl_bytes_of(id, sizeof(id)), c->id);
    mrl_random(c->nonce, sizeof(c->nonce));
    mrl_random(mrl_secret_data(c->secret), MRL_ATTEST_SECRET);
    c->ends_ms = mrl_monotonic_ms() + a->life_s * 1000;
    return MRL_OK;
}

static mrl_err tell(const struct mrl_attest *a, const struct challenge *c,
                    struct mrl_attest_challenge *out, struct mrl_why *why)
{
    memcpy(out->id, c->id, sizeof(out->id));
    memcpy(out->nonce, c->nonce, sizeof(out->nonce));
    out->life_s = a->life_s;
    if (mrl_tpm2_credential_make(&c->tpm.ek_public, &c->tpm.ak_name, mrl_secret_bytes(c->secret),
                                 &out->credential, why) != MRL_OK)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "no credential can be made for this EK: it is no storage key with AES in "
                        "CFB mode");
    return MRL_OK;
}

static enum mrl_enrol_refusal begin(struct mrl_attest *a, const struct mrl_enrolment *e,
                                    const struct mrl_attest_claim *claim,
                                    struct mrl_attest_challenge *out, struct mrl_why *why)
{
    CHALLENGE c = calloc(1, sizeof(*c));
    mrl_err err;

    if (c == NULL)
        abort();
    mrl_list_init(&c->node);
    c->secret = mrl_secret_new(MRL_ATTEST_SECRET);
    err = make_challenge(a, e, claim, c, why);
    if (err == MRL_OK)
        err = tell(a, c, out, why);
    if (err != MRL_OK)
        return refuse(a, e, err, why);
    c->tpm.ek_public = (struct mrl_tpm2_public){0}; /* a view into the request */
    if (!keep(a, c)) {
        (void)mrl_fail(why, MRL_ERR_BUSY, "too many devices prove their hardware, try again");
        return MRL_ENROL_UNAVAILABLE;
    }
    (void)MRL_TAKE(c);
    return MRL_ENROL_OK;
}

/* By the certificate of its maker; a token goes before it. */
static bool is_introduced(const struct mrl_enrolment *e)
{
    return e->token.len == 0 && e->introduced.len > 0;
}

/* Sets e->device. */
static enum mrl_enrol_refusal admit(struct mrl_attest *a, struct mrl_enrolment *e,
                                    struct mrl_name *device, struct mrl_why *why)
{
    return is_introduced(e) ? mrl_maker_admits(a->onboarding, e, device, why)
                            : mrl_enrol_admits(a->onboarding, e, device, why);
}

enum mrl_enrol_refusal mrl_attest_begin(struct mrl_attest *a, const struct mrl_enrolment *e,
                                        const struct mrl_attest_claim *claim,
                                        struct mrl_attest_challenge *out, struct mrl_why *why)
{
    struct mrl_enrolment known = *e;
    enum mrl_enrol_refusal refusal;
    struct mrl_name device;

    refusal = admit(a, &known, &device, why);
    return refusal == MRL_ENROL_OK ? begin(a, &known, claim, out, why) : refusal;
}

/* ---- finish ---- */

/* One sentence for all: whoever guesses learns nothing. */
static mrl_err check_challenge(const struct challenge *c, const struct mrl_enrolment *e,
                               struct mrl_why *why)
{
    if (c == NULL || !mrl_bytes_eq(mrl_name_bytes(&c->device), e->device) ||
        !mrl_secret_eq(mrl_bytes_of(c->binding, c->binding_len), e->binding))
        return mrl_fail(why, MRL_ERR_DENIED,
                        "the challenge is not open for this device on this connection: expired, "
                        "answered already or another's");
    return MRL_OK;
}

static mrl_err check_key(const struct challenge *c, const struct mrl_enrolment *e,
                         const struct mrl_attest_answer *answer, struct mrl_why *why)
{
    MRL_AUTO(mrl_csr) csr = NULL;
    enum mrl_csr_reason reason;

    if (mrl_csr_from_body(e->request, &csr, &reason) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "%s: %s", mrl_csr_reason_name(reason),
                        mrl_csr_reason_text(reason));
    return mrl_attest_check_key(&c->tpm, answer, mrl_bytes_of(c->nonce, sizeof(c->nonce)),
                                mrl_csr_facts(csr)->spki, why);
}

static mrl_err check_answer(const struct challenge *c, const struct mrl_enrolment *e,
                            const struct mrl_attest_answer *answer, struct mrl_why *why)
{
    MRL_TRY(check_challenge(c, e, why));
    if (!mrl_secret_eq(mrl_secret_bytes(c->secret), answer->secret))
        return mrl_fail(why, MRL_ERR_DENIED, "the secret is wrong: EK and AK are not in one TPM");
    return check_key(c, e, answer, why);
}

static enum mrl_enrol_refusal finish(struct mrl_attest *a, const struct mrl_enrolment *e,
                                     const struct mrl_attest_answer *answer, struct mrl_buf *der,
                                     struct mrl_why *why)
{
    CHALLENGE c = take(a, answer->challenge);
    struct mrl_hardware_proof proof;
    struct mrl_enrolment proven = *e;
    mrl_err err = check_answer(c, e, answer, why);

    if (err != MRL_OK)
        return refuse(a, e, err, why);
    proof = (struct mrl_hardware_proof){
        .ek = mrl_bytes_of(c->tpm.ek, sizeof(c->tpm.ek)),
        .ak = mrl_tpm2_name_bytes(&c->tpm.ak_name),
        .maker = mrl_str(c->tpm.names.maker),
        .model = mrl_str(c->tpm.names.model),
        .version = mrl_str(c->tpm.names.version),
    };
    proven.proof = &proof;
    if (e->token.len > 0)
        return mrl_enrol(a->onboarding, &proven, der, why);
    return is_introduced(e) ? mrl_maker_enrol(a->onboarding, &proven, der, why)
                            : mrl_reenrol(a->onboarding, &proven, der, why);
}

enum mrl_enrol_refusal mrl_attest_finish(struct mrl_attest *a, const struct mrl_enrolment *e,
                                         const struct mrl_attest_answer *answer,
                                         struct mrl_buf *der, struct mrl_why *why)
{
    struct mrl_enrolment known = *e;
    enum mrl_enrol_refusal refusal;
    struct mrl_name device;

    refusal = admit(a, &known, &device, why);
    return refusal == MRL_ENROL_OK ? finish(a, &known, answer, der, why) : refusal;
}
