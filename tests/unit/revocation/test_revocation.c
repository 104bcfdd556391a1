/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation/revocation.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/random.h"
#include "keys/ca.h"
#include "keys/spawn.h"
#include "tests/unit/crypto/fixtures.h"
#include "tests/unit/devices/fixture.h"
#include "tests/unit/keys/fixture.h"

enum { PATIENCE_MS = 30000, OLD_CA_LEFT_S = 1800 };

/* A key process and its issuing CA. */
struct authority {
    char folder[FIXTURE_PATH_MAX];
    struct mrl_keys_client *keys;
    struct mrl_cert_list cas;
};

static struct authority usual, old; /* the CA of old ends in OLD_CA_LEFT_S */
static struct mrl_keys_client *keys;
static struct mrl_cert_list cas;
static struct mrl_migration both[2];
static struct mrl_migration_list both_list = {both, 2};
static atomic_uint stapled;

static void use(const struct authority *a)
{
    keys = a->keys;
    cas = a->cas;
}

static void authority_open(struct authority *a, int64_t made)
{
    const struct mrl_keystore_plan plan = {MRL_KEY_P256, MRL_KEY_P256, MRL_LIT("acme"), made};
    const struct mrl_keys_options options = {.program = getenv("MERLON_KEYS"), .dir = a->folder};
    const struct mrl_unlock unlock = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_folder) f = {.fd = -1};
    MRL_SCOPED(mrl_keys_info) info = {0};
    struct mrl_cert *ca;
    struct mrl_why why = {""};

    fixture_folder(a->folder);
    assert_ok(mrl_folder_open(a->folder, &f, NULL));
    assert_ok(mrl_keystore_create(&f, &unlock, &plan, NULL));
    mrl_folder_done(&f); /* and with it the lock */
    if (mrl_keys_spawn(&options, &a->keys, &why) != MRL_OK)
        fail_msg("%s", why.text);
    assert_ok(mrl_keys_info_get(a->keys, &info, NULL));
    assert_ok(mrl_cert_from_der(info.facts.generations[1].cert, &ca));
    assert_ok(mrl_cert_list_add(&a->cas, ca));
}

static void authority_close(struct authority *a)
{
    mrl_keys_client_free(a->keys);
    mrl_cert_list_done(&a->cas);
    fixture_remove(a->folder);
}

static int start(void **state)
{
    int64_t now = mrl_wall_s();

    (void)state;
    authority_open(&usual, now); /* first: these fork */
    authority_open(&old, now + OLD_CA_LEFT_S - MRL_CA_ISSUING_DAYS * INT64_C(86400));
    use(&usual);
    both[0] = mrl_lists_migrations.items[0];
    both[1] = mrl_revocation_migrations.items[0];
    duties_more = &both_list;
    mrl_rcu_register();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    authority_close(&usual);
    authority_close(&old);
    return 0;
}

static void on_staple(void *context, const struct mrl_fingerprint *leaf, mrl_bytes response)
{
    const struct mrl_cert *own = context;

    if (response.len > 100 &&
        mrl_bytes_eq(mrl_fingerprint_bytes(leaf),
                     mrl_fingerprint_bytes(&mrl_cert_facts(own)->fingerprint)))
        atomic_fetch_add(&stapled, 1);
}

static struct mrl_revocation *new_revocation(struct fixture *f, struct mrl_cert *own)
{
    static char folder[128];
    const struct mrl_revocation_config config = {.store = f->store,
                                                 .keys = keys,
                                                 .cas = &cas,
                                                 .folder = folder,
                                                 .list_life_s = 4000,
                                                 .list_every_s = 1000,
                                                 .delta_every_s = 1,
                                                 .answer_life_s = 1000,
                                                 .answers_kept = 100,
                                                 .staple = on_staple,
                                                 .staple_context = own};
    struct mrl_revocation *r;
    struct mrl_why why = {""};

    (void)snprintf(folder, sizeof(folder), "%s/crl", f->place.folder);
    if (mrl_revocation_new(&config, &r, &why) != MRL_OK)
        fail_msg("%s", why.text);
    return r;
}

static void remove_files(struct fixture *f)
{
    char command[160];

    (void)snprintf(command, sizeof(command), "rm -r %s/crl", f->place.folder);
    assert_int_equal(system(command), 0);
}

/* A certificate of this CA for whatever name; its key is nobody's. */
static struct mrl_cert *issue_one(enum mrl_keys_kind kind, const char *id)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_keys_issue want = {.kind = kind,
                                  .id = mrl_str(id),
                                  .not_before = mrl_wall_s() - 60,
                                  .not_after = mrl_wall_s() + 86400};
    struct mrl_cert *cert;

    if (want.not_after > mrl_cert_facts(cas.certs[0])->not_after)
        want.not_after = mrl_cert_facts(cas.certs[0])->not_after;
    assert_ok(mrl_key_generate(MRL_KEY_P256, &key, NULL));
    assert_ok(mrl_key_to_spki(key, &spki));
    want.spki = mrl_buf_bytes(&spki);
    want.dns_count = kind == MRL_KEYS_SERVER;
    want.dns[0] = MRL_LIT("localhost");
    assert_ok(mrl_keys_issue(keys, &want, &der, NULL));
    assert_ok(mrl_cert_from_der(mrl_buf_bytes(&der), &cert));
    return cert;
}

static void enrol_cert(struct fixture *f, const char *id, const struct mrl_cert *cert)
{
    const struct mrl_cert_facts *facts = mrl_cert_facts(cert);
    const struct mrl_credential_new c = {.kind = MRL_PRINCIPAL_DEVICE,
                                         .id = mrl_str(id),
                                         .fingerprint = facts->fingerprint,
                                         .serial = facts->serial,
                                         .not_before = facts->not_before,
                                         .not_after = facts->not_after,
                                         .spki = facts->spki,
                                         .der = facts->der};

    add(f, id, "");
    assert_ok(enrol(f, &c));
}

/* What is said of a certificate: a V_OCSP_CERTSTATUS, or -1 - the status of the response. */
static int said(struct mrl_revocation *r, const struct mrl_cert *cert, const EVP_MD *digest)
{
    OCSP_REQUEST *request = OCSP_REQUEST_new();
    OCSP_CERTID *id = OCSP_cert_to_id(digest, mrl_cert_native(cert), mrl_cert_native(cas.certs[0]));
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_answer_times times;
    uint8_t *asked = NULL;
    const uint8_t *at;
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic;
    int len, status;

    assert_non_null(OCSP_request_add0_id(request, id));
    len = i2d_OCSP_REQUEST(request, &asked);
    status = (int)mrl_revocation_answer(r, mrl_bytes_of(asked, (size_t)len), &der, &times);
    OPENSSL_free(asked);
    OCSP_REQUEST_free(request);
    at = der.data;
    response = d2i_OCSP_RESPONSE(NULL, &at, (long)der.len);
    assert_non_null(response);
    assert_int_equal(OCSP_response_status(response), status);
    basic = OCSP_response_get1_basic(response);
    if (basic != NULL)
        status = OCSP_single_get0_status(OCSP_resp_get0(basic, 0), NULL, NULL, NULL, NULL);
    else
        status = -1 - status;
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return status;
}

static void wait_for(struct mrl_revocation *r, const struct mrl_cert *cert, int wanted)
{
    for (unsigned waited = 0; waited < PATIENCE_MS; waited += 20) {
        if (said(r, cert, EVP_sha1()) == wanted)
            return;
        (void)usleep(20000);
    }
    fail_msg("it says %d, wanted %d", said(r, cert, EVP_sha1()), wanted);
}

static void a_certificate_is_good_then_revoked_and_never_good_again(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_cert) cert = issue_one(MRL_KEYS_DEVICE, "a");
    struct mrl_revocation *r = new_revocation(f, NULL);

    assert_int_equal(said(r, cert, EVP_sha1()), -1 - MRL_OCSP_TRY_LATER); /* nothing is read yet */
    assert_ok(mrl_revocation_start(r, NULL));
    wait_for(r, cert, -1 - MRL_OCSP_UNAUTHORIZED);
    enrol_cert(f, "a", cert);
    wait_for(r, cert, V_OCSP_CERTSTATUS_GOOD);
    assert_int_equal(said(r, cert, EVP_sha256()), V_OCSP_CERTSTATUS_GOOD);
    assert_ok(change(f, "a", MRL_DEVICE_REVOKE));
    wait_for(r, cert, V_OCSP_CERTSTATUS_REVOKED);
    assert_int_equal(said(r, cert, EVP_sha256()), V_OCSP_CERTSTATUS_REVOKED);
    mrl_revocation_stop(r);
    mrl_revocation_free(r);
    remove_files(f);
}

static void the_answer_about_the_own_certificate_is_handed_over(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_cert) own = issue_one(MRL_KEYS_SERVER, "merlond");
    struct mrl_revocation *r = new_revocation(f, own);

    atomic_store(&stapled, 0);
    mrl_revocation_set_own(r, own);
    mrl_revocation_set_own(NULL, own); /* not wanted: nothing */
    assert_ok(mrl_revocation_start(r, NULL));
    wait_for(r, own, V_OCSP_CERTSTATUS_GOOD);
    for (unsigned waited = 0; waited < PATIENCE_MS && atomic_load(&stapled) == 0; waited += 20)
        (void)usleep(20000);
    assert_int_equal(atomic_load(&stapled), 1);
    mrl_revocation_stop(r);
    mrl_revocation_free(r);
    remove_files(f);
}

static void a_certificate_of_another_ca_is_not_ours_to_tell(void **state)
{
    struct fixture *f = *state;
    struct mrl_revocation *r = new_revocation(f, NULL);
    MRL_AUTO(mrl_cert) ours = issue_one(MRL_KEYS_DEVICE, "a");
    struct hierarchy h;
    MRL_AUTO(mrl_key) key = make_key(MRL_KEY_P256);
    struct mrl_cert_profile p = make_profile(MRL_CERT_DEVICE, "b");

    hierarchy_new(&h, MRL_KEY_P256);
    p.not_before = mrl_wall_s() - 60;
    p.not_after = mrl_wall_s() + 3600;
    MRL_AUTO(mrl_cert) theirs = issue(p, key, issuing_of(&h), h.issuing_key);
    enrol_cert(f, "b", theirs);
    enrol_cert(f, "a", ours);
    assert_ok(mrl_revocation_start(r, NULL));
    wait_for(r, ours, V_OCSP_CERTSTATUS_GOOD);
    assert_int_equal(said(r, theirs, EVP_sha1()), -1 - MRL_OCSP_UNAUTHORIZED);
    mrl_revocation_stop(r);
    mrl_revocation_free(r);
    hierarchy_done(&h);
    remove_files(f);
}

/* Until one was made that nobody asked for: after the lists of the same turn. */
static void wait_for_prepared(struct mrl_revocation *r)
{
    struct mrl_revocation_counts counts = {0};

    for (unsigned waited = 0; waited < PATIENCE_MS && counts.answers == 0; waited += 20) {
        (void)usleep(20000);
        mrl_revocation_count(r, &counts);
    }
    assert_true(counts.answers > 0);
}

/* How many requests the key process answered before this one. */
static uint64_t served(void)
{
    MRL_SCOPED(mrl_keys_info) info = {0};

    assert_ok(mrl_keys_info_get(keys, &info, NULL));
    return info.facts.served;
}

/* The delegate that signs its answers cannot outlive it, and is made once, not in every turn. */
static void a_ca_near_its_end_still_answers(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_cert) cert = NULL;
    struct mrl_revocation *r;
    uint64_t before;

    use(&old);
    cert = issue_one(MRL_KEYS_DEVICE, "a");
    r = new_revocation(f, NULL);
    enrol_cert(f, "a", cert);
    assert_ok(mrl_revocation_start(r, NULL));
    wait_for_prepared(r);
    wait_for(r, cert, V_OCSP_CERTSTATUS_GOOD);
    before = served();
    (void)usleep(2500000); /* two turns more */
    assert_int_equal(served(), before + 1);
    mrl_revocation_stop(r);
    mrl_revocation_free(r);
    remove_files(f);
    use(&usual);
}

static void what_is_no_request_is_malformed(void **state)
{
    struct fixture *f = *state;
    struct mrl_revocation *r = new_revocation(f, NULL);
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_answer_times times;

    assert_int_equal(mrl_revocation_answer(r, MRL_LIT("?"), &der, &times), MRL_OCSP_MALFORMED);
    assert_bytes_equal(mrl_buf_bytes(&der), MRL_LIT("\x30\x03\x0a\x01\x01"));
    assert_null(mrl_revocation_list(r, MRL_LIT("x.crl")));
    mrl_revocation_stop(r); /* not started */
    mrl_revocation_free(r);
    remove_files(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(a_certificate_is_good_then_revoked_and_never_good_again),
        WITH_REGISTRY(the_answer_about_the_own_certificate_is_handed_over),
        WITH_REGISTRY(a_certificate_of_another_ca_is_not_ours_to_tell),
        WITH_REGISTRY(a_ca_near_its_end_still_answers),
        WITH_REGISTRY(what_is_no_request_is_malformed),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
