/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/ca.h"

#include <string.h>

#include "base/clock.h"
#include "crypto/cert_build.h"
#include "keys/ca_internal.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

#define DAY INT64_C(86400)

static char folder[FIXTURE_PATH_MAX], elsewhere[FIXTURE_PATH_MAX];

/* A keystore that is open to be changed. */
struct open {
    struct mrl_folder folder;
    struct mrl_unlock unlock;
    struct mrl_ca_store store;
};

static void open_done(struct open *o)
{
    mrl_folder_done(&o->folder);
}

static void open_store(const char *path, struct open *o)
{
    *o = (struct open){.folder = {.fd = -1}, .unlock = {.kind = MRL_UNLOCK_FILE}};
    assert_ok(mrl_folder_open(path, &o->folder, NULL));
    o->store = (struct mrl_ca_store){&o->folder, &o->unlock, mrl_wall_s(), /*hold_key=*/false};
}

static void make_offline(const char *path)
{
    const struct mrl_keystore_plan plan = {.root_type = MRL_KEY_P384,
                                           .issuing_type = MRL_KEY_P384,
                                           .tenant = MRL_LIT("acme"),
                                           .now = mrl_wall_s(),
                                           .root_offline = true};
    MRL_SCOPED(open) o;

    open_store(path, &o);
    assert_ok(mrl_keystore_create(&o.folder, &o.unlock, &plan, NULL));
}

static int set_up(void **state)
{
    (void)state;
    fixture_folder(folder);
    fixture_folder(elsewhere);
    fixture_keystore(folder);
    return 0;
}

static int take_down(void **state)
{
    (void)state;
    fixture_remove(folder);
    fixture_remove(elsewhere);
    return 0;
}

static void add_copy(struct mrl_cert_list *to, const struct mrl_cert *from)
{
    MRL_AUTO(mrl_cert) copy = NULL;

    assert_ok(mrl_cert_from_der(mrl_cert_facts(from)->der, &copy));
    assert_ok(mrl_cert_list_add(to, MRL_TAKE(copy)));
}

static void issue(const struct mrl_generation *ca, struct mrl_cert **out)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert_profile p = {.kind = MRL_CERT_DEVICE, .cn = MRL_LIT("pump-7")};

    assert_ok(mrl_key_generate(MRL_KEY_P256, &key, NULL));
    assert_ok(mrl_key_to_spki(key, &spki));
    p.spki = mrl_buf_bytes(&spki);
    p.not_before = mrl_wall_s() - 60;
    p.not_after = p.not_before + DAY;
    mrl_serial_random(p.serial);
    assert_ok(mrl_cert_build(&p, ca->cert, ca->key, &der, NULL));
    assert_ok(mrl_cert_from_der(mrl_buf_bytes(&der), out));
}

static mrl_err verify(const struct mrl_cert *leaf, const struct mrl_cert_list *between,
                      const struct mrl_cert *root)
{
    MRL_SCOPED(mrl_cert_list) roots = {0};
    enum mrl_chain_reason reason;

    add_copy(&roots, root);
    return mrl_cert_verify_chain(leaf, between, &roots, MRL_PURPOSE_CLIENT, mrl_wall_s(), &reason);
}

static void a_second_issuing_ca_stands_beside_the_first(void **state)
{
    MRL_SCOPED(open) o;
    MRL_SCOPED(mrl_keystore) k = {0};
    MRL_AUTO(mrl_cert) leaf = NULL;
    MRL_SCOPED(mrl_cert_list) between = {0};
    uint8_t number;

    (void)state;
    open_store(folder, &o);
    assert_ok(mrl_ca_new_issuing(&o.store, MRL_KEY_P384, &number, NULL));
    assert_int_equal(number, 2);
    assert_ok(mrl_keystore_open(&o.folder, &o.unlock, &k, NULL));
    assert_int_equal(k.cas.count, 3);
    assert_int_equal(mrl_generation_find(&k.cas, MRL_CA_ISSUING, 0)->number, 1);
    assert_bytes_equal(mrl_cert_facts(mrl_generation_find(&k.cas, MRL_CA_ISSUING, 2)->cert)->cn,
                       MRL_LIT("Merlon Issuing CA 2"));
    issue(mrl_generation_find(&k.cas, MRL_CA_ISSUING, 2), &leaf);
    add_copy(&between, mrl_generation_find(&k.cas, MRL_CA_ISSUING, 2)->cert);
    assert_ok(verify(leaf, &between, mrl_generation_find(&k.cas, MRL_CA_ROOT, 1)->cert));
}

/* RFC 4210 4.4: whoever has only one of the two roots accepts what the other signed. */
static void links_carry_both_ways_between_two_roots(void **state)
{
    MRL_SCOPED(open) o;
    MRL_SCOPED(mrl_keystore) k = {0};
    MRL_AUTO(mrl_cert) old_leaf = NULL;
    MRL_AUTO(mrl_cert) new_leaf = NULL;
    MRL_SCOPED(mrl_cert_list) between = {0};
    const struct mrl_generation *old_root, *new_root;
    uint8_t number;

    (void)state;
    open_store(folder, &o);
    assert_ok(mrl_ca_new_root(&o.store, MRL_KEY_P384, &number, NULL));
    assert_int_equal(number, 2);
    assert_ok(mrl_ca_new_issuing(&o.store, MRL_KEY_P256, &number, NULL));
    assert_ok(mrl_keystore_open(&o.folder, &o.unlock, &k, NULL));
    old_root = mrl_generation_find(&k.cas, MRL_CA_ROOT, 1);
    new_root = mrl_generation_find(&k.cas, MRL_CA_ROOT, 2);
    assert_ptr_equal(mrl_generation_root_of(&k.cas, k.cas.at[3].cert), new_root);
    issue(&k.cas.at[2], &old_leaf);
    issue(&k.cas.at[3], &new_leaf);
    add_copy(&between, k.cas.at[2].cert);
    add_copy(&between, k.cas.at[3].cert);
    assert_int_equal(verify(new_leaf, &between, old_root->cert), MRL_ERR_AUTH);
    assert_int_equal(verify(old_leaf, &between, new_root->cert), MRL_ERR_AUTH);
    add_copy(&between, new_root->links.certs[0]);
    add_copy(&between, new_root->links.certs[1]);
    assert_ok(verify(new_leaf, &between, old_root->cert));
    assert_ok(verify(old_leaf, &between, new_root->cert));
}

static void a_dropped_issuing_ca_keeps_its_certificate_alone(void **state)
{
    MRL_SCOPED(open) o;
    MRL_SCOPED(mrl_keystore) k = {0};
    uint8_t number;

    (void)state;
    open_store(folder, &o);
    assert_int_equal(mrl_ca_drop(&o.store, MRL_CA_ISSUING, 1, NULL), MRL_ERR_STATE);
    assert_int_equal(mrl_ca_drop(&o.store, MRL_CA_ISSUING, 2, NULL), MRL_ERR_NOT_FOUND);
    for (int i = 0; i < 2; i++)
        assert_ok(mrl_ca_new_issuing(&o.store, MRL_KEY_P256, &number, NULL));
    for (uint8_t gone = 1; gone <= 2; gone++) {
        assert_ok(mrl_ca_drop(&o.store, MRL_CA_ISSUING, gone, NULL));
        assert_ok(mrl_ca_drop(&o.store, MRL_CA_ISSUING, gone, NULL)); /* as after a crash */
    }
    assert_ok(mrl_keystore_open(&o.folder, &o.unlock, &k, NULL));
    for (uint8_t n = 1; n <= 3; n++) {
        assert_non_null(mrl_generation_find(&k.cas, MRL_CA_ISSUING, n)->cert);
        assert_int_equal(mrl_generation_find(&k.cas, MRL_CA_ISSUING, n)->key != NULL, n == 3);
    }
    assert_false(mrl_folder_has(&o.folder, "issuing.key"));
    assert_false(mrl_folder_has(&o.folder, "issuing-2.ca"));
}

static void the_key_of_the_newest_root_goes_only_after_its_export(void **state)
{
    MRL_SCOPED(open) o;
    MRL_SCOPED(mrl_keystore) k = {0};
    uint8_t number;

    (void)state;
    open_store(folder, &o);
    assert_int_equal(mrl_ca_drop(&o.store, MRL_CA_ROOT, 1, NULL), MRL_ERR_STATE);
    assert_ok(mrl_keystore_open(&o.folder, &o.unlock, &k, NULL));
    assert_ok(mrl_keystore_mark_exported(&o.folder, &k, mrl_wall_s(), NULL));
    assert_ok(mrl_ca_drop(&o.store, MRL_CA_ROOT, 1, NULL));
    assert_int_equal(mrl_ca_new_issuing(&o.store, MRL_KEY_P256, &number, NULL), MRL_ERR_NOT_FOUND);
    mrl_keystore_done(&k);
    assert_ok(mrl_keystore_open(&o.folder, &o.unlock, &k, NULL));
    assert_null(mrl_generation_find(&k.cas, MRL_CA_ROOT, 1)->key);
    assert_non_null(mrl_generation_find(&k.cas, MRL_CA_ISSUING, 1)->key);
}

static void there_are_no_more_cas_than_fit_in_a_message(void **state)
{
    MRL_SCOPED(open) o;
    mrl_err err = MRL_OK;
    uint8_t number = 1;

    (void)state;
    open_store(folder, &o);
    while (number < MRL_KEYS_GENERATIONS_MAX - 1)
        assert_ok(mrl_ca_new_issuing(&o.store, MRL_KEY_P256, &number, NULL));
    err = mrl_ca_new_issuing(&o.store, MRL_KEY_P256, &number, NULL);
    assert_int_equal(err, MRL_ERR_LIMIT);
    assert_int_equal(mrl_ca_new_root(&o.store, MRL_KEY_P256, &number, NULL), MRL_ERR_LIMIT);
}

static void numbers_end_at_99(void **state)
{
    struct mrl_generations all = {.at = {{.kind = MRL_CA_ISSUING, .number = 98}}, .count = 1};
    uint8_t number = 0;

    (void)state;
    assert_ok(mrl_ca_next_number(&all, MRL_CA_ISSUING, &number, NULL));
    assert_int_equal(number, 99);
    all.at[0].number = number;
    assert_int_equal(mrl_ca_next_number(&all, MRL_CA_ISSUING, &number, NULL), MRL_ERR_LIMIT);
}

/* --- the root is elsewhere --- */

static void request(struct mrl_buf *out)
{
    MRL_SCOPED(open) o;

    open_store(elsewhere, &o);
    assert_ok(mrl_ca_request(&o.store, MRL_KEY_P384, out, NULL));
}

static void sign(mrl_bytes request_pem, struct mrl_buf *out)
{
    MRL_SCOPED(open) o;

    open_store(folder, &o);
    assert_ok(mrl_ca_sign_request(&o.store, request_pem, out, NULL));
}

static mrl_err install(mrl_bytes pem, struct mrl_why *why)
{
    MRL_SCOPED(open) o;
    uint8_t root, issuing;

    open_store(elsewhere, &o);
    return mrl_ca_install(&o.store, pem, &root, &issuing, why);
}

static void an_issuing_ca_comes_from_a_root_on_another_machine(void **state)
{
    MRL_SCOPED(mrl_buf) asked = {0};
    MRL_SCOPED(mrl_buf) again = {0};
    MRL_SCOPED(mrl_buf) answer = {0};
    MRL_SCOPED(mrl_keystore) k = {0};
    struct mrl_why why = {""};

    (void)state;
    make_offline(elsewhere);
    request(&asked);
    request(&again);
    sign(mrl_buf_bytes(&again), &answer); /* of the same key, whichever request it was */
    assert_ok(install(mrl_buf_bytes(&answer), NULL));
    assert_ok(fixture_open(elsewhere, &k, NULL));
    assert_int_equal(k.cas.count, 2);
    assert_null(k.cas.at[0].key);
    assert_int_equal(mrl_key_type(k.cas.at[1].key), MRL_KEY_P384);
    assert_int_equal(install(mrl_buf_bytes(&answer), &why), MRL_ERR_DENIED);
    assert_string_equal(why.text, "nothing was taken: issuing CA 1 is here already");
}

static void what_is_not_for_the_key_that_was_asked_for_is_not_taken(void **state)
{
    MRL_SCOPED(mrl_buf) asked = {0};
    MRL_SCOPED(mrl_keystore) k = {0};
    MRL_SCOPED(mrl_buf) foreign = {0};
    struct mrl_why why = {""};

    (void)state;
    make_offline(elsewhere);
    request(&asked);
    assert_ok(fixture_open(folder, &k, NULL));
    assert_ok(mrl_cert_to_pem(k.cas.at[1].cert, &foreign)); /* another issuing CA */
    assert_int_equal(install(mrl_buf_bytes(&foreign), &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "nothing was taken"));
    assert_int_equal(install(MRL_LIT("no certificate"), NULL), MRL_ERR_DENIED);
    mrl_keystore_done(&k);
    assert_ok(fixture_open(elsewhere, &k, NULL));
    assert_int_equal(k.cas.count, 0);
}

static void another_root_needs_a_link_from_one_that_is_here(void **state)
{
    MRL_SCOPED(mrl_buf) asked = {0};
    MRL_SCOPED(mrl_buf) answer = {0};
    MRL_SCOPED(mrl_buf) bare = {0};
    MRL_SCOPED(mrl_keystore) k = {0};
    struct mrl_why why = {""};
    uint8_t number;

    (void)state;
    make_offline(elsewhere);
    request(&asked);
    sign(mrl_buf_bytes(&asked), &answer);
    assert_ok(install(mrl_buf_bytes(&answer), NULL));
    {
        MRL_SCOPED(open) o;

        open_store(folder, &o);
        assert_ok(mrl_ca_new_root(&o.store, MRL_KEY_P384, &number, NULL));
    }
    assert_ok(fixture_open(folder, &k, NULL));
    assert_ok(mrl_cert_to_pem(k.cas.at[1].cert, &bare));
    assert_int_equal(install(mrl_buf_bytes(&bare), &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "NewWithOld"));
    for (size_t i = 0; i < k.cas.at[1].links.count; i++)
        assert_ok(mrl_cert_to_pem(k.cas.at[1].links.certs[i], &bare));
    assert_ok(install(mrl_buf_bytes(&bare), NULL));
    mrl_keystore_done(&k);
    assert_ok(fixture_open(elsewhere, &k, NULL));
    assert_int_equal(k.cas.count, 3);
    assert_int_equal(k.cas.at[1].links.count, 2);
}

/* Whoever found the key of a root that is long gone could make a link as well. */
static void a_link_that_has_ended_brings_no_root_in(void **state)
{
    MRL_SCOPED(mrl_buf) asked = {0};
    MRL_SCOPED(mrl_buf) answer = {0};
    MRL_SCOPED(mrl_buf) late = {0};
    MRL_SCOPED(mrl_keystore) k = {0};
    struct mrl_why why = {""};
    uint8_t number;

    (void)state;
    make_offline(elsewhere);
    request(&asked);
    sign(mrl_buf_bytes(&asked), &answer);
    assert_ok(install(mrl_buf_bytes(&answer), NULL));
    {
        MRL_SCOPED(open) o;

        open_store(folder, &o);
        o.store.now += (MRL_CA_ROOT_DAYS - 1) * DAY; /* the link ends with the root that makes it */
        assert_ok(mrl_ca_new_root(&o.store, MRL_KEY_P384, &number, NULL));
    }
    assert_ok(fixture_open(folder, &k, NULL));
    assert_ok(mrl_cert_to_pem(k.cas.at[1].cert, &late));
    for (size_t i = 0; i < k.cas.at[1].links.count; i++)
        assert_ok(mrl_cert_to_pem(k.cas.at[1].links.certs[i], &late));
    {
        MRL_SCOPED(open) o;
        uint8_t root, issuing;

        open_store(elsewhere, &o);
        o.store.now += (MRL_CA_ROOT_DAYS + 1) * DAY;
        assert_int_equal(mrl_ca_install(&o.store, mrl_buf_bytes(&late), &root, &issuing, &why),
                         MRL_ERR_DENIED);
    }
    assert_non_null(strstr(why.text, "valid now"));
}

/* The last step of an install is to forget the request. */
static void an_install_that_was_cut_off_is_made_whole_by_the_same_file(void **state)
{
    MRL_SCOPED(mrl_buf) asked = {0};
    MRL_SCOPED(mrl_buf) answer = {0};
    MRL_SCOPED(mrl_keystore) k = {0};
    uint8_t memory[8192];
    mrl_bytes pending;

    (void)state;
    make_offline(elsewhere);
    request(&asked);
    sign(mrl_buf_bytes(&asked), &answer);
    pending = fixture_read(elsewhere, "issuing.request", memory, sizeof(memory));
    assert_ok(install(mrl_buf_bytes(&answer), NULL));
    fixture_write(elsewhere, "issuing.request", pending);
    assert_ok(install(mrl_buf_bytes(&answer), NULL));
    assert_ok(fixture_open(elsewhere, &k, NULL));
    assert_int_equal(k.cas.count, 2);
    assert_int_equal(install(mrl_buf_bytes(&answer), NULL), MRL_ERR_DENIED); /* nothing is new */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_second_issuing_ca_stands_beside_the_first, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(links_carry_both_ways_between_two_roots, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_dropped_issuing_ca_keeps_its_certificate_alone, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(the_key_of_the_newest_root_goes_only_after_its_export,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(there_are_no_more_cas_than_fit_in_a_message, set_up,
                                        take_down),
        cmocka_unit_test(numbers_end_at_99),
        cmocka_unit_test_setup_teardown(an_issuing_ca_comes_from_a_root_on_another_machine, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(what_is_not_for_the_key_that_was_asked_for_is_not_taken,
                                        set_up, take_down),
        cmocka_unit_test_setup_teardown(another_root_needs_a_link_from_one_that_is_here, set_up,
                                        take_down),
        cmocka_unit_test_setup_teardown(a_link_that_has_ended_brings_no_root_in, set_up, take_down),
        cmocka_unit_test_setup_teardown(an_install_that_was_cut_off_is_made_whole_by_the_same_file,
                                        set_up, take_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
