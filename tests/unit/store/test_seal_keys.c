/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal_keys.h"

#include <string.h>

#include "crypto/aead.h"
#include "tests/unit/store/fixture.h"

static const struct mrl_seal_place place = {"devices", "note", MRL_LIT_INIT("pump-1")};

/* A root key in this process, as the key process has one. */
struct root {
    struct mrl_secret *key;
    unsigned wraps;
    mrl_err fails;
};

static mrl_err wrap(void *context, mrl_bytes name, mrl_bytes key, struct mrl_buf *wrapped,
                    struct mrl_why *why)
{
    struct root *r = context;

    (void)why;
    r->wraps++;
    MRL_TRY(r->fails);
    return mrl_envelope_seal(r->key, name, key, wrapped);
}

static mrl_err unwrap(void *context, mrl_bytes name, mrl_bytes wrapped, struct mrl_secret **key,
                      struct mrl_why *why)
{
    struct root *r = context;

    (void)why;
    MRL_TRY(r->fails);
    return mrl_envelope_open(r->key, name, wrapped, key) == MRL_OK ? MRL_OK : MRL_ERR_CRYPTO;
}

struct fixture {
    struct place place;
    struct mrl_store *store;
    struct root root;
};

static void start(struct fixture *f)
{
    *f = (struct fixture){.root.key = mrl_secret_copy(MRL_LIT("0123456789abcdef0123456789abcdef"))};
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
    const struct mrl_seal_root root = {&f->root, wrap, unwrap};

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
    uint32_t number = 0;

    (void)state;
    start(&f);
    {
        const struct mrl_seal_root root = {&f.root, wrap, unwrap};
        MRL_AUTO(mrl_sealer) s = sealer_in(&f);

        assert_ok(mrl_seal(s, &place, MRL_LIT("old"), &old));
        assert_ok(mrl_seal_keys_make(f.store, &root, s, &number, NULL));
        assert_int_equal(number, 2);
        assert_ok(mrl_seal(s, &place, MRL_LIT("young"), &young));
    }
    MRL_AUTO(mrl_sealer) s = sealer_in(&f);
    assert_int_equal(mrl_sealer_newest(s), 2);
    assert_opens(s, &old, MRL_LIT("old"));
    assert_opens(s, &young, MRL_LIT("young"));
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
    const struct mrl_seal_root root = {&f->root, wrap, unwrap};
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
    const struct mrl_seal_root root = {&f.root, wrap, unwrap};

    (void)state;
    start(&f);
    make_keys(&f, MRL_SEAL_KEYS_MAX - 1);
    {
        MRL_AUTO(mrl_sealer) s = sealer_in(&f);

        assert_int_equal(mrl_sealer_newest(s), MRL_SEAL_KEYS_MAX);
        assert_int_equal(mrl_seal_keys_make(f.store, &root, s, NULL, NULL), MRL_ERR_LIMIT);
    }
    assert_int_equal(store_number(f.store, "SELECT COUNT(*) FROM seal_keys"), MRL_SEAL_KEYS_MAX);
    assert_ok(store_exec(f.store, "INSERT INTO seal_keys VALUES (99, $1, 0)",
                         MRL_ARGS(MRL_BLOB(MRL_LIT("x")))));
    assert_not_opened(&f, "seal_keys");
    end(&f);
}

static void a_number_that_is_none_is_told(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    assert_ok(store_exec(f.store, "INSERT INTO seal_keys VALUES ($1, $2, 0)",
                         MRL_ARGS(MRL_INT(UINT32_MAX + INT64_C(1)), MRL_BLOB(MRL_LIT("x")))));
    assert_not_opened(&f, "seal_keys");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_start_makes_a_key_that_later_starts_have),
        cmocka_unit_test(a_made_key_seals_and_the_old_one_still_opens),
        cmocka_unit_test(a_root_key_that_fails_leaves_nothing),
        cmocka_unit_test(another_root_key_is_told),
        cmocka_unit_test(wrapped_keys_do_not_change_places),
        cmocka_unit_test(as_many_keys_as_a_sealer_knows_and_no_more),
        cmocka_unit_test(a_number_that_is_none_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
