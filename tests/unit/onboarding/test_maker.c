/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/maker.h"

#include <string.h>

#include "onboarding/maker_internal.h"
#include "tests/unit/onboarding/fixture.h"

static void a_maker_is_added_once_and_removed(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");

    assert_ok(add_maker(m, &maker));
    assert_int_equal(add_maker(m, &maker), MRL_ERR_EXISTS);
    assert_ok(mrl_maker_remove(m->makers, &admin, MRL_LIT("acme"), NULL));
    assert_int_equal(mrl_maker_remove(m->makers, &admin, MRL_LIT("acme"), NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_maker_remove(m->makers, &admin, MRL_LIT("a/b"), NULL), MRL_ERR_NOT_FOUND);
    assert_ok(add_maker(m, &maker));
}

static void a_prefix_has_up_to_32_characters_of_an_id(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");
    char text[MRL_MAKER_PREFIX_MAX + 1];

    memset(text, 'x', sizeof(text));
    maker.has_prefix = true;
    maker.prefix = mrl_bytes_of(text, sizeof(text));
    assert_int_equal(add_maker(m, &maker), MRL_ERR_INVALID);
    maker.prefix = MRL_LIT("a/");
    assert_int_equal(add_maker(m, &maker), MRL_ERR_INVALID);
    maker.prefix = mrl_bytes_of(text, MRL_MAKER_PREFIX_MAX);
    assert_ok(add_maker(m, &maker));
}

static void the_name_is_the_prefix_when_it_fits(void **state)
{
    struct making *m = *state;
    char text[MRL_MAKER_PREFIX_MAX + 1] = {0};
    struct mrl_maker_new maker = new_maker(m, text);

    memset(text, 'x', MRL_MAKER_PREFIX_MAX);
    maker.name = mrl_str(text);
    assert_int_equal(add_maker(m, &maker), MRL_ERR_INVALID); /* with its '-' one too long */
    text[MRL_MAKER_PREFIX_MAX - 1] = '\0';
    maker.name = mrl_str(text);
    assert_ok(add_maker(m, &maker));
}

static void no_prefix_begins_with_that_of_another(void **state)
{
    static const char *const overlapping[] = {"pump", "pump-", "pump-x", "p", ""};
    struct making *m = *state;
    struct mrl_maker_new first = new_maker(m, "pump"), other;
    struct hierarchy h;
    MRL_SCOPED(mrl_buf) pem = {0};

    hierarchy_new(&h, MRL_KEY_P256);
    assert_ok(mrl_cert_to_pem(root_of(&h), &pem));
    assert_ok(add_maker(m, &first));
    other = new_maker(m, "other");
    other.ca = mrl_buf_bytes(&pem);
    other.has_prefix = true;
    for (size_t i = 0; i < MRL_COUNT(overlapping); i++) {
        other.prefix = mrl_str(overlapping[i]);
        assert_int_equal(add_maker(m, &other), MRL_ERR_EXISTS);
    }
    other.prefix = MRL_LIT("pumpe");
    assert_ok(add_maker(m, &other));
    hierarchy_done(&h);
}

static void a_ca_is_one_makers(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");

    assert_ok(add_maker(m, &maker));
    maker.name = MRL_LIT("brand");
    assert_int_equal(add_maker(m, &maker), MRL_ERR_EXISTS);
}

static void many_cas(struct making *m, size_t count, struct mrl_buf *pem)
{
    for (size_t i = 0; i < count; i++) {
        MRL_AUTO(mrl_cert)
        ca =
            issue(make_profile(MRL_CERT_ROOT_CA, "Root"), m->acme.root_key, NULL, m->acme.root_key);
        assert_ok(mrl_cert_to_pem(ca, pem));
    }
}

static void a_maker_has_up_to_16_cas(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");
    MRL_SCOPED(mrl_buf) pem = {0};

    many_cas(m, MRL_MAKER_CAS_MAX + 1, &pem);
    maker.ca = mrl_buf_bytes(&pem);
    assert_int_equal(add_maker(m, &maker), MRL_ERR_LIMIT);
    mrl_buf_clear(&pem);
    many_cas(m, MRL_MAKER_CAS_MAX, &pem);
    maker.ca = mrl_buf_bytes(&pem);
    assert_ok(add_maker(m, &maker));
}

static void only_a_ca_is_a_ca(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");
    MRL_AUTO(mrl_key) key = make_key(MRL_KEY_P256);
    MRL_AUTO(mrl_cert)
    device =
        issue(make_profile(MRL_CERT_DEVICE, "d"), key, issuing_of(&m->acme), m->acme.issuing_key);
    MRL_SCOPED(mrl_buf) pem = {0};

    assert_ok(mrl_cert_to_pem(device, &pem));
    maker.ca = mrl_buf_bytes(&pem);
    assert_int_equal(add_maker(m, &maker), MRL_ERR_INVALID);
    maker.ca = MRL_LIT("nothing");
    assert_int_equal(add_maker(m, &maker), MRL_ERR_INVALID);
}

static void rates_have_limits(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");

    maker.rate = 0;
    assert_int_equal(add_maker(m, &maker), MRL_ERR_INVALID);
    maker.rate = MRL_MAKER_RATE_MAX + 1;
    assert_int_equal(add_maker(m, &maker), MRL_ERR_INVALID);
    maker.rate = MRL_MAKER_RATE_MAX;
    assert_ok(add_maker(m, &maker));
}

struct fill {
    struct mrl_write write;
};

static mrl_err run_fill(struct mrl_tx *tx, struct mrl_write *w)
{
    char name[16];

    (void)w;
    for (int i = 0; i < MRL_MAKERS_MAX - 1; i++) {
        (void)snprintf(name, sizeof(name), "m%03d", i);
        MRL_TRY(mrl_tx_exec(tx,
                            "INSERT INTO makers (name, grp, prefix, id_from, approve, jitp, rate,"
                            " devices, crls, created) VALUES ($1, '', $1, 1, 1, 0, 1, 0, $2, 0)",
                            MRL_ARGS(MRL_TEXT(mrl_str(name)), MRL_BLOB(MRL_BYTES_NONE)), NULL));
    }
    return MRL_OK;
}

static void there_are_up_to_256(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");
    struct fill fill = {.write.run = run_fill};

    assert_ok(mrl_store_write(m->f->store, &fill.write));
    assert_ok(add_maker(m, &maker));
    maker.name = MRL_LIT("late");
    assert_int_equal(add_maker(m, &maker), MRL_ERR_LIMIT);
}

static void count(void *context, const struct mrl_maker_info *info)
{
    (void)info;
    ++*(size_t *)context;
}

static void a_list_has_pages(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");
    size_t n = 0;

    assert_ok(add_maker(m, &maker));
    assert_ok(mrl_maker_list(m->makers, MRL_BYTES_NONE, 1, count, &n));
    assert_int_equal(n, 1);
    assert_ok(mrl_maker_list(m->makers, MRL_LIT("acme"), MRL_MAKER_PAGE_MAX, count, &n));
    assert_int_equal(n, 1);
    assert_int_equal(mrl_maker_list(m->makers, MRL_BYTES_NONE, 0, count, &n), MRL_ERR_INVALID);
    assert_int_equal(mrl_maker_list(m->makers, MRL_BYTES_NONE, MRL_MAKER_PAGE_MAX + 1, count, &n),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_maker_show(m->makers, MRL_LIT("none"), count, &n, NULL),
                     MRL_ERR_NOT_FOUND);
}

static void what_is_no_crl_is_refused(void **state)
{
    struct making *m = *state;
    struct mrl_maker_new maker = new_maker(m, "acme");

    assert_ok(add_maker(m, &maker));
    assert_int_equal(mrl_maker_set_crl(m->makers, &admin, MRL_LIT("acme"), MRL_LIT("x"), NULL),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_maker_set_crl(m->makers, &admin, MRL_LIT("acme"), maker.ca, NULL),
                     MRL_ERR_INVALID); /* a certificate is none */
    assert_int_equal(mrl_maker_set_crl(m->makers, &admin, MRL_LIT("none"), MRL_BYTES_NONE, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_ok(mrl_maker_set_crl(m->makers, &admin, MRL_LIT("acme"), MRL_BYTES_NONE, NULL));
}

static void sixteen_crls_are_taken_apart_and_not_seventeen(void **state)
{
    mrl_bytes crls[MRL_MAKER_CRLS_MAX];
    uint8_t all[2 * 17] = {0};
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(all); i += 2)
        all[i] = MRL_DER_SEQUENCE; /* an empty one */
    assert_ok(mrl_maker_crls_split(mrl_bytes_of(all, 2 * 16), crls, &count));
    assert_int_equal(count, 16);
    assert_int_equal(mrl_maker_crls_split(mrl_bytes_of(all, 2 * 17), crls, &count), MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MAKERS(a_maker_is_added_once_and_removed),
        WITH_MAKERS(a_prefix_has_up_to_32_characters_of_an_id),
        WITH_MAKERS(the_name_is_the_prefix_when_it_fits),
        WITH_MAKERS(no_prefix_begins_with_that_of_another),
        WITH_MAKERS(a_ca_is_one_makers),
        WITH_MAKERS(a_maker_has_up_to_16_cas),
        WITH_MAKERS(only_a_ca_is_a_ca),
        WITH_MAKERS(rates_have_limits),
        WITH_MAKERS(there_are_up_to_256),
        WITH_MAKERS(a_list_has_pages),
        WITH_MAKERS(what_is_no_crl_is_refused),
        cmocka_unit_test(sixteen_crls_are_taken_apart_and_not_seventeen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
