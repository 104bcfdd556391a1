/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal_keys.h"

#include <string.h>

#include "tests/unit/store/seal_fixture.h"

static const struct mrl_seal_place place = {"devices", "note", MRL_LIT_INIT("pump-1")};

struct fixture {
    struct place place;
    struct mrl_store *store;
    struct test_root root;
};

static void start(struct fixture *f)
{
    *f = (struct fixture){.root = test_root_new()};
    place_make(&f->place);
    f->store = store_at(&f->place, &mrl_seal_migrations, (struct mrl_store_options){0});
}

static void end(struct fixture *f)
{
    mrl_store_close(f->store);
    place_remove(&f->place);
    mrl_secret_free(f->root.key);
}

static mrl_err open_in(struct fixture *f, struct mrl_sealer **out, struct mrl_why *why)
{
    const struct mrl_seal_root root = test_seal_root(&f->root);

    return mrl_sealer_open(f->store, &root, out, why);
}

static struct mrl_sealer *sealer_in(struct fixture *f)
{
    struct mrl_sealer *s = NULL;
    struct mrl_why why = {{0}};

    if (open_in(f, &s, &why) != MRL_OK)
        fail_msg("%s", why.text);
    return s;
}

static void assert_opens(struct mrl_sealer *s, const struct mrl_buf *sealed, mrl_bytes plain)
{
    MRL_SCOPED(mrl_buf) out = {0};

    assert_ok(mrl_unseal(s, &place, mrl_buf_bytes(sealed), &out, NULL));
    assert_bytes_equal(mrl_buf_bytes(&out), plain);
}

static void the_first_start_makes_a_key_that_later_starts_have(void **state)
{
    struct fixture f;
    MRL_SCOPED(mrl_buf) sealed = {0};

    (void)state;
    start(&f);
    for (unsigned i = 0; i < 3; i++) {
        MRL_AUTO(mrl_sealer) s = sealer_in(&f);

        assert_int_equal(mrl_sealer_newest(s), 1);
        if (i == 0)
            assert_ok(mrl_seal(s, &place, MRL_LIT("note"), &sealed));
        assert_opens(s, &sealed, MRL_LIT("note"));
    }
    assert_int_equal(f.root.wraps, 1);
    assert_int_equal(store_number(f.store, "SELECT COUNT(*) FROM seal_keys"), 1);
    end(&f);
}

static void a_made_key_seals_and_the_old_one_still_opens(void **state)
{
    struct fixture f;
    MRL_SCOPED(mrl_buf) old = {0};
    MRL_SCOPED(mrl_buf) young = {0};

    (void)state;
    start(&f);
    {
        const struct mrl_seal_root root = test_seal_root(&f.root);
        MRL_AUTO(mrl_sealer) s = sealer_in(&f);

        assert_ok(mrl_seal(s, &place, MRL_LIT("old"), &old));
        assert_ok(mrl_seal_keys_make(f.store, &root, s, NULL, NULL));
        assert_int_equal(mrl_sealer_newest(s), 2);
        assert_ok(mrl_seal(s, &place, MRL_LIT("young"), &young));
    }
    MRL_AUTO(mrl_sealer) s = sealer_in(&f);
    assert_int_equal(mrl_sealer_newest(s), 2);
    assert_opens(s, &old, MRL_LIT("old"));
    assert_opens(s, &young, MRL_LIT("young"));
    end(&f);
}

static mrl_err refuse(void *context, struct mrl_tx *tx, uint32_t data_key)
{
    (void)tx;
    *(uint32_t *)context = data_key;
    return MRL_ERR_NO_SPACE;
}

static void a_key_whose_entry_fails_is_not_made(void **state)
{
    struct fixture f;
    const struct mrl_seal_root root = test_seal_root(&f.root);
    uint32_t asked = 0;
    const struct mrl_seal_also also = {refuse, &asked};

    (void)state;
    start(&f);
    {
        MRL_AUTO(mrl_sealer) s = sealer_in(&f);

        assert_int_equal(mrl_seal_keys_make(f.store, &root, s, &also, NULL), MRL_ERR_NO_SPACE);
        assert_int_equal(asked, 2);
        assert_int_equal(mrl_sealer_newest(s), 1);
    }
    assert_int_equal(store_number(f.store, "SELECT COUNT(*) FROM seal_keys"), 1);
    end(&f);
}

static void all_keys_are_wrapped_again_or_none(void **state)
{
    struct fixture f;
    const struct mrl_seal_root root = test_seal_root(&f.root);
    uint32_t asked = 0;
    const struct mrl_seal_also also = {refuse, &asked};
    MRL_SCOPED(mrl_buf) sealed = {0};
    size_t count = 0;

    (void)state;
    start(&f);
    {
        MRL_AUTO(mrl_sealer) s = sealer_in(&f);

        assert_ok(mrl_seal(s, &place, MRL_LIT("note"), &sealed));
        assert_ok(mrl_seal_keys_make(f.store, &root, s, NULL, NULL));
    }
    assert_ok(store_exec(f.store, "UPDATE seal_keys SET wrapped_ms = 1", MRL_NO_ARGS));
    assert_int_equal(mrl_seal_keys_rewrap(f.store, &root, &also, &count, NULL), MRL_ERR_NO_SPACE);
    assert_int_equal(asked, 2);
    assert_int_equal(store_number(f.store, "SELECT MAX(wrapped_ms) FROM seal_keys"), 1);
    assert_ok(mrl_seal_keys_rewrap(f.store, &root, NULL, &count, NULL));
    assert_int_equal(count, 2);
    assert_true(store_number(f.store, "SELECT MIN(wrapped_ms) FROM seal_keys") > 1);
    {
        struct mrl_seal_key_info list[MRL_SEAL_KEYS_MAX];
        MRL_AUTO(mrl_sealer) s = sealer_in(&f);

        assert_opens(s, &sealed, MRL_LIT("note"));
        assert_ok(mrl_seal_keys_list(f.store, &root, list, &count, NULL));
        assert_int_equal(count, 2);
        assert_int_equal(list[1].number, 2);
        assert_int_equal(list[1].root, 1);
        assert_true(list[1].wrapped_ms >= list[1].created_ms);
    }
    end(&f);
}

static void a_root_key_that_fails_leaves_nothing(void **state)
{
    struct fixture f;
    struct mrl_sealer *s = NULL;

    (void)state;
    start(&f);
    f.root.fails = MRL_ERR_TIMEOUT;
    assert_int_equal(open_in(&f, &s, NULL), MRL_ERR_TIMEOUT);
    assert_null(s);
    assert_int_equal(store_number(f.store, "SELECT COUNT(*) FROM seal_keys"), 0);
    f.root.fails = MRL_OK;
    s = sealer_in(&f);
    f.root.fails = MRL_ERR_TIMEOUT;
    mrl_sealer_free(MRL_TAKE(s));
    assert_int_equal(open_in(&f, &s, NULL), MRL_ERR_TIMEOUT);
    end(&f);
}

static void assert_not_opened(struct fixture *f, const char *says)
{
    struct mrl_sealer *s = NULL;
    struct mrl_why why = {{0}};

    assert_int_equal(open_in(f, &s, &why), MRL_ERR_CORRUPT);
    assert_null(s);
    assert_non_null(strstr(why.text, says));
}

static void another_root_key_is_told(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    mrl_sealer_free(sealer_in(&f));
    mrl_secret_data(f.root.key)[0] ^= 1;
    assert_not_opened(&f, "seal_keys, row 1");
    end(&f);
}

static void make_keys(struct fixture *f, unsigned count)
{
    const struct mrl_seal_root root = test_seal_root(&f->root);
    MRL_AUTO(mrl_sealer) s = sealer_in(f);

    for (unsigned i = 0; i < count; i++)
        assert_ok(mrl_seal_keys_make(f->store, &root, s, NULL, NULL));
}

static void wrapped_keys_do_not_change_places(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    make_keys(&f, 1);
    assert_ok(store_exec(f.store,
                         "UPDATE seal_keys SET wrapped = (SELECT wrapped FROM seal_keys WHERE"
                         " number = 1) WHERE number = 2",
                         MRL_NO_ARGS));
    assert_not_opened(&f, "seal_keys, row 2");
    end(&f);
}

static void as_many_keys_as_a_sealer_knows_and_no_more(void **state)
{
    struct fixture f;
    const struct mrl_seal_root root = test_seal_root(&f.root);

    (void)state;
    start(&f);
    make_keys(&f, MRL_SEAL_KEYS_MAX - 1);
    {
        MRL_AUTO(mrl_sealer) s = sealer_in(&f);

        assert_int_equal(mrl_sealer_newest(s), MRL_SEAL_KEYS_MAX);
        assert_int_equal(mrl_seal_keys_make(f.store, &root, s, NULL, NULL), MRL_ERR_LIMIT);
    }
    assert_int_equal(store_number(f.store, "SELECT COUNT(*) FROM seal_keys"), MRL_SEAL_KEYS_MAX);
    assert_ok(store_exec(f.store, "INSERT INTO seal_keys VALUES (99, $1, 0, 0)",
                         MRL_ARGS(MRL_BLOB(MRL_LIT("x")))));
    assert_not_opened(&f, "seal_keys");
    end(&f);
}

static void a_number_that_is_none_is_told(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    assert_ok(store_exec(f.store, "INSERT INTO seal_keys VALUES ($1, $2, 0, 0)",
                         MRL_ARGS(MRL_INT(UINT32_MAX + INT64_C(1)), MRL_BLOB(MRL_LIT("x")))));
    assert_not_opened(&f, "seal_keys");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_start_makes_a_key_that_later_starts_have),
        cmocka_unit_test(a_made_key_seals_and_the_old_one_still_opens),
        cmocka_unit_test(a_key_whose_entry_fails_is_not_made),
        cmocka_unit_test(all_keys_are_wrapped_again_or_none),
        cmocka_unit_test(a_root_key_that_fails_leaves_nothing),
        cmocka_unit_test(another_root_key_is_told),
        cmocka_unit_test(wrapped_keys_do_not_change_places),
        cmocka_unit_test(as_many_keys_as_a_sealer_knows_and_no_more),
        cmocka_unit_test(a_number_that_is_none_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
