/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/denied_key.h"

#include "base/hex.h"
#include "crypto/key.h"
#include "tests/unit/devices/fixture.h"

/* The name of what fake_cert gives as SubjectPublicKeyInfo. */
static struct mrl_denied_name name_of(mrl_bytes spki)
{
    struct mrl_denied_name n = {.len = MRL_SHA256_SIZE};

    assert_ok(mrl_sha256(spki, n.bytes));
    return n;
}

static mrl_err deny(struct fixture *f, const struct mrl_denied_name *names, size_t count,
                    struct mrl_denial *out)
{
    return mrl_keys_deny(f->registry, &admin, names, count, MRL_LIT("leaked"), out, NULL);
}

static void a_denied_key_becomes_nobodys_credential(void **state)
{
    struct fixture *f = *state;
    struct mrl_denied_name name;
    struct mrl_denial done;
    struct mrl_why why = {""};
    struct fake_cert c;

    add(f, "d1", "");
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, "d1", 1);
    name = name_of(c.it.spki);
    assert_ok(deny(f, &name, 1, &done));
    assert_int_equal(done.added, 1);
    assert_int_equal(done.revoked, 0);
    assert_int_equal(enrol_why(f, &c.it, &why), MRL_ERR_INVALID);
    assert_string_equal(why.text, "denied-key: this key is on the deny-list: leaked");
    assert_int_equal(mrl_key_vet_now(f->store, c.it.spki, &why), MRL_ERR_INVALID);
    registry_stop(f);
    registry_start(f);
    assert_int_equal(enrol(f, &c.it), MRL_ERR_INVALID);
    assert_ok(mrl_key_allow(f->registry, &admin, &name, MRL_LIT("a mistake"), NULL));
    assert_int_equal(mrl_key_allow(f->registry, &admin, &name, MRL_LIT("again"), NULL),
                     MRL_ERR_NOT_FOUND);
    assert_ok(enrol(f, &c.it));
}

static void a_key_in_use_is_revoked_when_it_is_denied_and_nobody_elses(void **state)
{
    struct fixture *f = *state;
    struct fake_cert bad, worse, good;
    struct mrl_denied_name names[2];
    struct mrl_denial done;

    add(f, "d1", "");
    add(f, "d2", "");
    fake_cert(&bad, MRL_PRINCIPAL_DEVICE, "d1", 1);
    fake_cert(&good, MRL_PRINCIPAL_DEVICE, "d1", 2);
    fake_cert(&worse, MRL_PRINCIPAL_DEVICE, "d2", 1);
    assert_ok(enrol(f, &bad.it));
    assert_ok(enrol(f, &good.it));
    assert_ok(enrol(f, &worse.it));
    names[0] = name_of(bad.it.spki);
    names[1] = name_of(worse.it.spki);
    assert_ok(deny(f, names, 2, &done));
    assert_int_equal(done.added, 2);
    assert_int_equal(done.revoked, 2);
    assert_int_equal(judged(f, &bad.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
    assert_int_equal(judged(f, &worse.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
    assert_int_equal(judged(f, &good.it.fingerprint, 1500), MRL_JUDGED_ACCEPTED);
    registry_stop(f);
    registry_start(f);
    assert_int_equal(judged(f, &bad.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
    assert_ok(mrl_key_allow(f->registry, &admin, &names[0], MRL_BYTES_NONE, NULL));
    assert_int_equal(judged(f, &bad.it.fingerprint, 1500), MRL_JUDGED_REVOKED);
}

static void what_is_on_the_list_already_keeps_its_reason(void **state)
{
    struct fixture *f = *state;
    struct mrl_denied_name name = name_of(MRL_LIT("a key"));
    struct mrl_denial done;
    struct mrl_why why = {""};

    assert_ok(deny(f, &name, 1, &done));
    assert_ok(mrl_keys_deny(f->registry, &admin, &name, 1, MRL_LIT("another"), &done, NULL));
    assert_int_equal(done.added, 0);
    assert_int_equal(mrl_key_vet_now(f->store, MRL_LIT("a key"), &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "leaked"));
}

static void a_request_has_a_reason_and_up_to_500_keys(void **state)
{
    static struct mrl_denied_name names[MRL_DENY_MAX + 1];
    struct fixture *f = *state;
    struct mrl_denial done;

    for (size_t i = 0; i < MRL_COUNT(names); i++)
        names[i] = name_of(mrl_bytes_of((const uint8_t *)&i, sizeof(i)));
    assert_int_equal(deny(f, names, 0, &done), MRL_ERR_INVALID);
    assert_int_equal(deny(f, names, MRL_DENY_MAX + 1, &done), MRL_ERR_INVALID);
    assert_ok(deny(f, names, MRL_DENY_MAX, &done));
    assert_int_equal(done.added, MRL_DENY_MAX);
    assert_int_equal(mrl_keys_deny(f->registry, &admin, names, 1, MRL_BYTES_NONE, &done, NULL),
                     MRL_ERR_INVALID);
}

static void names_have_64_or_20_digits(void **state)
{
    static const char digits[] =
        "0123456789abcdefABCDEF00112233445566778899aabbccddeeff0011223344556";
    struct mrl_denied_name n;

    (void)state;
    for (size_t len = 0; len < sizeof(digits); len++) {
        bool good = len == 64 || len == 20;

        assert_int_equal(mrl_denied_name_read(mrl_bytes_of((const uint8_t *)digits, len), &n, NULL),
                         good ? MRL_OK : MRL_ERR_INVALID);
    }
    assert_int_equal(mrl_denied_name_read(MRL_LIT("0123456789abcdefABCg"), &n, NULL),
                     MRL_ERR_INVALID);
}

/* A key of 2048 bits, and what `openssl rsa -noout -modulus | sha1sum` says of it from its 21st
 * digit on: the form of the lists of openssl-blacklist. */
#define RSA_SHORT_NAME "a4f40af3b9a609cf4499"
static const char rsa_spki[] =
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA/2SdM7EFW8+HtOJ9gfwCXHKWbGsBQdzq6p2f"
    "JoB1OX6GVZ+0fj45qqOButO/zeeQCOyQ9hTctNL8CzD8Bi7VzD/BV8Ys+PMnCRnZqyYCZfBkVxyaFBOz"
    "0894TnGX6mlla7dg0DEda3KJtwis/SsFvjKLibgKYBvILT6nhn4Wx+xX+G0Eh15FBIa3dxcKQ3jMTNYL"
    "NDrPFDmSzb7ckAgFuujsaJVe3eQRsbq2NaUwyuZpg+G8I4cdo54Yh28lApRH0UMdFQvC44qhoKzN8WLb"
    "dmsAFm2sYPdhRU3AzUgXx9pQHOlD9FdPy5lVxokD/aSKrV9n05N44k+AAfw6SY4U9wIDAQAB";

static void rsa_keys_are_found_by_the_lists_of_openssl_blacklist(void **state)
{
    struct fixture *f = *state;
    MRL_SCOPED(mrl_buf) der = {0};
    mrl_bytes spki;
    struct mrl_denied_name name;
    struct mrl_denial done;
    struct mrl_why why = {""};

    assert_ok(mrl_base64_read(mrl_str(rsa_spki), &der));
    spki = mrl_buf_bytes(&der);
    assert_ok(mrl_key_vet_now(f->store, spki, &why));
    assert_ok(mrl_denied_name_read(MRL_LIT(RSA_SHORT_NAME), &name, NULL));
    assert_ok(deny(f, &name, 1, &done));
    assert_int_equal(mrl_key_vet_now(f->store, spki, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "denied-key"));
}

static void a_weak_key_is_refused_by_its_name_and_counted(void **state)
{
    static const uint8_t neutral[44] = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00\x01";
    const enum mrl_key_refusal counter = MRL_KEY_REFUSED_WEAK + 4;
    struct fixture *f = *state;
    uint64_t before = mrl_keys_refused(counter);
    struct mrl_why why = {""};

    assert_string_equal(mrl_key_refusal_name(counter), "small-order");
    assert_int_equal(mrl_key_vet_now(f->store, mrl_bytes_of(neutral, sizeof(neutral)), &why),
                     MRL_ERR_INVALID);
    assert_string_equal(why.text, "small-order: the Ed25519 key is a point of small order");
    assert_int_equal(mrl_keys_refused(counter), before + 1);
    for (int r = 0; r < MRL_KEY_REFUSED_COUNT_; r++)
        assert_non_null(mrl_key_refusal_name((enum mrl_key_refusal)r));
}

struct seen {
    size_t count;
    uint8_t last;
};

static void on_key(void *context, const struct mrl_denied_key *k)
{
    struct seen *s = context;

    assert_int_equal(k->name.len, MRL_SHA256_SIZE);
    assert_true(s->count == 0 || k->name.data[0] > s->last);
    assert_bytes_equal(k->reason, MRL_LIT("leaked"));
    assert_bytes_equal(k->actor, admin.id);
    assert_true(k->created_ms > 0);
    s->last = k->name.data[0];
    s->count++;
}

static void the_list_is_in_order_and_in_pages(void **state)
{
    struct fixture *f = *state;
    struct mrl_denied_name names[5];
    struct mrl_denial done;
    struct seen s = {0};

    for (size_t i = 0; i < MRL_COUNT(names); i++)
        names[i] = (struct mrl_denied_name){.bytes = {(uint8_t)(50 - i)}, .len = MRL_SHA256_SIZE};
    assert_ok(deny(f, names, MRL_COUNT(names), &done));
    assert_ok(mrl_denied_keys_list(f->store, MRL_BYTES_NONE, 3, on_key, &s));
    assert_int_equal(s.count, 3);
    assert_ok(mrl_denied_keys_list(f->store, mrl_denied_name_bytes(&names[2]), 3, on_key, &s));
    assert_int_equal(s.count, 5);
    assert_int_equal(mrl_denied_keys_list(f->store, MRL_BYTES_NONE, 0, on_key, &s),
                     MRL_ERR_INVALID);
    assert_int_equal(
        mrl_denied_keys_list(f->store, MRL_BYTES_NONE, MRL_DENY_PAGE_MAX + 1, on_key, &s),
        MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(a_denied_key_becomes_nobodys_credential),
        WITH_REGISTRY(a_key_in_use_is_revoked_when_it_is_denied_and_nobody_elses),
        WITH_REGISTRY(what_is_on_the_list_already_keeps_its_reason),
        WITH_REGISTRY(a_request_has_a_reason_and_up_to_500_keys),
        cmocka_unit_test(names_have_64_or_20_digits),
        WITH_REGISTRY(rsa_keys_are_found_by_the_lists_of_openssl_blacklist),
        WITH_REGISTRY(a_weak_key_is_refused_by_its_name_and_counted),
        WITH_REGISTRY(the_list_is_in_order_and_in_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
