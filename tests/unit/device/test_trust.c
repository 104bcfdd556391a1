/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/trust.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/cert_build.h"
#include "tests/unit/device/power_cut.h"
#include "tests/unit/unit.h"

/* A CA with its key. */
struct ca {
    struct mrl_key *key;
    struct mrl_cert *cert;
};

static void ca_done(struct ca *c)
{
    mrl_key_free(c->key);
    mrl_cert_free(c->cert);
}

static void build(enum mrl_cert_kind kind, const char *cn, const struct mrl_key *subject,
                  const struct ca *issuer, struct mrl_cert **out)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert_profile p = {.kind = kind,
                                 .cn = mrl_str(cn),
                                 .not_before = mrl_wall_s() - 10,
                                 .not_after = mrl_wall_s() + 1000};

    mrl_serial_random(p.serial);
    assert_ok(mrl_key_to_spki(subject, &spki));
    p.spki = mrl_buf_bytes(&spki);
    if (issuer != NULL)
        p.not_after = mrl_cert_facts(issuer->cert)->not_after;
    assert_ok(mrl_cert_build(&p, issuer != NULL ? issuer->cert : NULL,
                             issuer != NULL ? issuer->key : subject, &der, NULL));
    assert_ok(mrl_cert_from_der(mrl_buf_bytes(&der), out));
}

static struct ca make_ca(enum mrl_cert_kind kind, const char *cn, const struct ca *issuer)
{
    struct ca c = {NULL, NULL};

    assert_ok(mrl_key_generate(MRL_KEY_P256, &c.key, NULL));
    build(kind, cn, c.key, issuer, &c.cert);
    return c;
}

static void add(struct mrl_cert_list *to, const struct mrl_cert *c)
{
    struct mrl_cert *copy = NULL;

    assert_ok(mrl_cert_from_der(mrl_cert_facts(c)->der, &copy));
    assert_ok(mrl_cert_list_add(to, copy));
}

struct setting {
    struct ca old_root, new_root, issuing;
    struct mrl_cert *link; /* the new root signed by the old one */
    struct mrl_home home;
};

static int set_up(void **state)
{
    struct setting *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    s->old_root = make_ca(MRL_CERT_ROOT_CA, "Root", NULL);
    s->new_root = make_ca(MRL_CERT_ROOT_CA, "Root", NULL);
    s->issuing = make_ca(MRL_CERT_ISSUING_CA, "Issuing", &s->new_root);
    build(MRL_CERT_LINK_CA, "Root", s->new_root.key, &s->old_root, &s->link);
    add(&s->home.roots, s->old_root.cert);
    *state = s;
    return 0;
}

static int take_down(void **state)
{
    struct setting *s = *state;

    ca_done(&s->old_root);
    ca_done(&s->new_root);
    ca_done(&s->issuing);
    mrl_cert_free(s->link);
    mrl_home_done(&s->home);
    free(s);
    return 0;
}

static void a_root_comes_in_with_a_link_from_ours(void **state)
{
    struct setting *s = *state;
    MRL_SCOPED(mrl_cert_list) bundle = {0};

    add(&bundle, s->old_root.cert);
    add(&bundle, s->new_root.cert);
    add(&bundle, s->issuing.cert);
    add(&bundle, s->link);
    assert_ok(mrl_trust_take(&s->home, &bundle, NULL));
    assert_int_equal(s->home.roots.count, 2);
    assert_int_equal(s->home.ca.count, 2);
}

static void a_root_without_a_link_stays_outside(void **state)
{
    struct setting *s = *state;
    MRL_SCOPED(mrl_cert_list) bundle = {0};

    add(&bundle, s->old_root.cert);
    add(&bundle, s->new_root.cert);
    add(&bundle, s->issuing.cert);
    assert_ok(mrl_trust_take(&s->home, &bundle, NULL));
    assert_int_equal(s->home.roots.count, 1);
    assert_bytes_equal(mrl_cert_facts(s->home.roots.certs[0])->der,
                       mrl_cert_facts(s->old_root.cert)->der);
}

/* Signed by somebody else of the same name, or over another key. */
static void a_link_that_is_not_by_ours_is_none(void **state)
{
    struct setting *s = *state;
    struct ca stranger = make_ca(MRL_CERT_ROOT_CA, "Root", NULL);
    MRL_AUTO(mrl_cert) forged = NULL;
    MRL_SCOPED(mrl_cert_list) bundle = {0};

    build(MRL_CERT_LINK_CA, "Root", s->new_root.key, &stranger, &forged);
    add(&bundle, s->new_root.cert);
    add(&bundle, stranger.cert);
    add(&bundle, s->issuing.cert);
    add(&bundle, forged);
    assert_int_equal(mrl_trust_take(&s->home, &bundle, NULL), MRL_ERR_CRYPTO);
    assert_int_equal(s->home.roots.count, 1); /* as before */
    ca_done(&stranger);
}

/* The key of an issuing CA is in daily use: who has it may make certificates, and no root. Our root
 * signed that key, but for a CA below which there is none. */
static void an_issuing_ca_does_not_become_a_root(void **state)
{
    struct setting *s = *state;
    struct ca issuing = make_ca(MRL_CERT_ISSUING_CA, "Issuing", &s->old_root);
    MRL_AUTO(mrl_cert) forged = NULL;
    MRL_SCOPED(mrl_cert_list) bundle = {0};

    build(MRL_CERT_ROOT_CA, "Issuing", issuing.key, NULL, &forged);
    add(&bundle, s->old_root.cert);
    add(&bundle, issuing.cert);
    add(&bundle, forged);
    assert_ok(mrl_trust_take(&s->home, &bundle, NULL));
    assert_int_equal(s->home.roots.count, 1);
    assert_bytes_equal(mrl_cert_facts(s->home.roots.certs[0])->der,
                       mrl_cert_facts(s->old_root.cert)->der);
    ca_done(&issuing);
}

/* A link is about the root it names, whatever else has the same key. */
static void a_link_of_another_name_is_none(void **state)
{
    struct setting *s = *state;
    MRL_AUTO(mrl_cert) another = NULL;
    MRL_SCOPED(mrl_cert_list) bundle = {0};

    build(MRL_CERT_ROOT_CA, "Another", s->new_root.key, NULL, &another);
    add(&bundle, s->old_root.cert);
    add(&bundle, another);
    add(&bundle, s->issuing.cert);
    add(&bundle, s->link);
    assert_ok(mrl_trust_take(&s->home, &bundle, NULL));
    assert_int_equal(s->home.roots.count, 1);
}

static void a_root_that_is_no_longer_given_goes(void **state)
{
    struct setting *s = *state;
    MRL_SCOPED(mrl_cert_list) bundle = {0};

    add(&s->home.roots, s->new_root.cert);
    add(&bundle, s->new_root.cert);
    add(&bundle, s->issuing.cert);
    assert_ok(mrl_trust_take(&s->home, &bundle, NULL));
    assert_int_equal(s->home.roots.count, 1);
    assert_bytes_equal(mrl_cert_facts(s->home.roots.certs[0])->der,
                       mrl_cert_facts(s->new_root.cert)->der);
}

static void a_bundle_without_an_issuing_ca_changes_nothing(void **state)
{
    struct setting *s = *state;
    MRL_SCOPED(mrl_cert_list) bundle = {0};
    struct mrl_why why = {""};

    add(&bundle, s->old_root.cert);
    assert_int_equal(mrl_trust_take(&s->home, &bundle, &why), MRL_ERR_CRYPTO);
    assert_non_null(strstr(why.text, "issuing CA"));
}

/* What could not be read again would keep the device out for ever. */
static void a_bundle_is_no_larger_than_can_be_read_again(void **state)
{
    struct setting *s = *state;
    size_t each = mrl_cert_facts(s->issuing.cert)->der.len, most = MRL_TRUST_BYTES_MAX / each;
    char dir[] = "/tmp/merlon-trust-XXXXXX";
    MRL_SCOPED(mrl_cert_list) bundle = {0};
    MRL_SCOPED(mrl_buf) pem = {.limit = 256 << 10}; /* as a home reads it */

    assert_non_null(mkdtemp(dir));
    s->home.dir = dir;
    s->home.disk = &mrl_disk_system;
    add(&bundle, s->old_root.cert);
    for (size_t i = 0; i < most; i++)
        add(&bundle, s->issuing.cert);
    assert_ok(mrl_trust_take(&s->home, &bundle, NULL));
    assert_int_equal(s->home.ca.count, most);
    assert_ok(mrl_trust_save(&s->home, NULL));
    assert_ok(mrl_disk_read(dir, "ca.pem", &pem, NULL));
    add(&bundle, s->issuing.cert);
    assert_int_equal(mrl_trust_take(&s->home, &bundle, NULL), MRL_ERR_LIMIT);
    assert_int_equal(s->home.ca.count, most); /* as before */
    remove_folder(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_root_comes_in_with_a_link_from_ours, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_root_without_a_link_stays_outside, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_link_that_is_not_by_ours_is_none, set_up, take_down),
        cmocka_unit_test_setup_teardown(an_issuing_ca_does_not_become_a_root, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_link_of_another_name_is_none, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_root_that_is_no_longer_given_goes, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_bundle_without_an_issuing_ca_changes_nothing, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(a_bundle_is_no_larger_than_can_be_read_again, set_up,
                                        take_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
