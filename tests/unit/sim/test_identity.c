/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/net/pki.h"
#include "tests/unit/unit.h"

enum { COUNT = 3 };

static char path[64];

static int name_file(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/merlon-sim-%d.pem", (int)getpid());
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

static void mint(struct mrl_sim_identities *out)
{
    const struct mrl_cert *ca;
    struct pki pki;

    pki_init(&pki);
    ca = pki.ca.chain.certs[0];
    assert_ok(mrl_sim_mint("x", COUNT, ca, pki.ca.key, out, NULL));
    for (size_t i = 0; i < COUNT; i++)
        assert_ok(mrl_cert_verify_signature(out->each[i].cert, ca));
    pki_done(&pki);
}

static void everyone_has_a_key_of_its_own(void **state)
{
    MRL_SCOPED(mrl_sim_identities) all = {0};
    MRL_AUTO(mrl_key) certified = NULL;

    (void)state;
    mint(&all);
    assert_string_equal(all.each[2].name, "x-000002");
    assert_bytes_equal(mrl_cert_facts(all.each[2].cert)->cn, MRL_LIT("x-000002"));
    assert_false(mrl_key_public_eq(all.each[0].key, all.each[1].key));
    assert_ok(mrl_cert_key(all.each[1].cert, &certified));
    assert_true(mrl_key_public_eq(all.each[1].key, certified));
}

static void what_is_saved_is_for_the_owner_and_comes_back(void **state)
{
    MRL_SCOPED(mrl_sim_identities) all = {0};
    MRL_SCOPED(mrl_sim_identities) back = {0};
    struct stat st;

    (void)state;
    mint(&all);
    assert_ok(mrl_sim_identities_save(&all, path, NULL));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(mrl_sim_identities_load(path, COUNT, &back, NULL));
    for (size_t i = 0; i < COUNT; i++) {
        assert_string_equal(back.each[i].name, all.each[i].name);
        assert_true(mrl_key_public_eq(back.each[i].key, all.each[i].key));
    }
}

static void more_than_the_file_has_is_not_found(void **state)
{
    MRL_SCOPED(mrl_sim_identities) all = {0};
    MRL_SCOPED(mrl_sim_identities) back = {0};

    (void)state;
    mint(&all);
    assert_ok(mrl_sim_identities_save(&all, path, NULL));
    assert_int_equal(mrl_sim_identities_load(path, COUNT + 1, &back, NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_sim_identities_load("/nowhere", 1, &back, NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(back.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_has_a_key_of_its_own),
        cmocka_unit_test_setup_teardown(what_is_saved_is_for_the_owner_and_comes_back, name_file,
                                        remove_file),
        cmocka_unit_test_setup_teardown(more_than_the_file_has_is_not_found, name_file,
                                        remove_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
