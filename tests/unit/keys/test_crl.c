/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/crl.h"

#include "base/clock.h"
#include "keys/ca.h"
#include "keys/policy.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

static char folder[FIXTURE_PATH_MAX];
static struct mrl_keystore keystore = {0};
static struct mrl_keys_crls crls;
static const mrl_bytes url = MRL_LIT_INIT("http://pki.example.org");

static int start(void **state)
{
    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    assert_ok(fixture_open(folder, &keystore, NULL));
    return 0;
}

static int stop(void **state)
{
    (void)state;
    mrl_keystore_done(&keystore);
    fixture_remove(folder);
    return 0;
}

static int fresh(void **state)
{
    (void)state;
    mrl_keys_crls_done(&crls);
    crls = (struct mrl_keys_crls){0};
    return 0;
}

static struct mrl_keys_crl begin_of(enum mrl_keys_crl_kind kind, uint64_t number, size_t len)
{
    return (struct mrl_keys_crl){.step = MRL_KEYS_CRL_BEGIN,
                                 .ca = mrl_cert_facts(keystore.cas.at[1].cert)->ski,
                                 .kind = kind,
                                 .number = number,
                                 .base = kind == MRL_KEYS_CRL_DELTA ? number - 1 : 0,
                                 .this_update = mrl_wall_s(),
                                 .next_update = mrl_wall_s() + 3600,
                                 .entries_len = len};
}

static mrl_err step(const struct mrl_keys_crl *want, struct mrl_buf *out)
{
    return mrl_keys_crl_step(&crls, &keystore, url, want, out, NULL);
}

/* A step whose answer is of no interest. */
static mrl_err take(struct mrl_keys_crl want)
{
    MRL_SCOPED(mrl_buf) out = {0};

    return step(&want, &out);
}

static const struct mrl_keys_crl finish = {.step = MRL_KEYS_CRL_END};

static void a_list_in_pieces_is_one_list(void **state)
{
    MRL_SCOPED(mrl_buf) one = {0};
    MRL_SCOPED(mrl_buf) two = {0};
    MRL_SCOPED(mrl_buf) head = {0};
    MRL_SCOPED(mrl_buf) end = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_keys_crl add = {.step = MRL_KEYS_CRL_ADD};
    struct mrl_keys_crl begin;
    struct mrl_crl_facts facts;

    (void)state;
    assert_ok(mrl_crl_entry(MRL_LIT("\x01"), 1, MRL_CRL_UNSPECIFIED, &one));
    assert_ok(mrl_crl_entry(MRL_LIT("\x02"), 2, MRL_CRL_UNSPECIFIED, &two));
    begin = begin_of(MRL_KEYS_CRL_FULL, 5, one.len + two.len);
    assert_ok(step(&begin, &head));
    add.entries = mrl_buf_bytes(&one);
    assert_ok(step(&add, &end));
    add.entries = mrl_buf_bytes(&two);
    assert_ok(step(&add, &end));
    assert_int_equal(end.len, 0);
    assert_ok(step(&finish, &end));
    assert_ok(mrl_buf_append(&one, mrl_buf_bytes(&two)));
    assert_ok(
        mrl_crl_assemble(mrl_buf_bytes(&head), mrl_buf_bytes(&one), mrl_buf_bytes(&end), &der));
    assert_ok(mrl_crl_read(mrl_buf_bytes(&der), &facts));
    assert_int_equal(facts.number, 5);
    assert_bytes_equal(facts.issuer, mrl_cert_facts(keystore.cas.at[1].cert)->subject);
    assert_bytes_equal(facts.entries, mrl_buf_bytes(&one));
}

static void numbers_of_each_kind_and_shard_only_grow(void **state)
{
    struct mrl_keys_crl other = begin_of(MRL_KEYS_CRL_SHARD, 5, 0);

    (void)state;
    other.shard = 255;
    assert_ok(take(begin_of(MRL_KEYS_CRL_FULL, 5, 0)));
    assert_int_equal(take(begin_of(MRL_KEYS_CRL_FULL, 5, 0)), MRL_ERR_DENIED);
    assert_int_equal(take(begin_of(MRL_KEYS_CRL_FULL, 4, 0)), MRL_ERR_DENIED);
    assert_ok(take(begin_of(MRL_KEYS_CRL_DELTA, 5, 0)));
    assert_ok(take(begin_of(MRL_KEYS_CRL_SHARD, 5, 0)));
    assert_ok(take(other));
    assert_int_equal(take(other), MRL_ERR_DENIED);
    assert_int_equal(take(begin_of(MRL_KEYS_CRL_SHARD, 5, 0)), MRL_ERR_DENIED);
    assert_ok(take(begin_of(MRL_KEYS_CRL_FULL, 6, 0)));
}

static void add_issuing_ca(void)
{
    const struct mrl_unlock unlock = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_folder) f = {.fd = -1};
    uint8_t number;

    assert_ok(mrl_folder_open(folder, &f, NULL));
    assert_ok(mrl_ca_new_issuing(&(struct mrl_ca_store){&f, &unlock, mrl_wall_s(), false},
                                 MRL_KEY_P256, &number, NULL));
    mrl_folder_done(&f); /* and with it the lock */
    mrl_keystore_done(&keystore);
    assert_ok(fixture_open(folder, &keystore, NULL));
}

static void another_ca_has_numbers_of_its_own(void **state)
{
    struct mrl_keys_crl of_other = begin_of(MRL_KEYS_CRL_FULL, 3, 0);

    (void)state;
    add_issuing_ca();
    assert_ok(take(begin_of(MRL_KEYS_CRL_FULL, 5, 0)));
    of_other.ca = mrl_cert_facts(keystore.cas.at[2].cert)->ski;
    assert_ok(take(of_other));
    of_other.ca = MRL_LIT("nobody's key identifier");
    assert_int_equal(take(of_other), MRL_ERR_INVALID);
}

static void a_root_signs_no_list(void **state)
{
    struct mrl_keys_crl want = begin_of(MRL_KEYS_CRL_FULL, 3, 0);

    (void)state;
    want.ca = mrl_cert_facts(keystore.cas.at[0].cert)->ski;
    assert_non_null(keystore.cas.at[0].key);
    assert_int_equal(take(want), MRL_ERR_INVALID);
}

static void times_are_about_now_and_bounded(void **state)
{
    struct mrl_keys_crl want = begin_of(MRL_KEYS_CRL_FULL, 1, 0);
    int64_t now = want.this_update;

    (void)state;
    want.next_update = now + MRL_POLICY_CRL_LIFE_S + 1;
    assert_int_equal(take(want), MRL_ERR_DENIED);
    want.next_update = now;
    assert_int_equal(take(want), MRL_ERR_DENIED);
    want.next_update = now + MRL_POLICY_CRL_LIFE_S;
    assert_ok(take(want));
    want = begin_of(MRL_KEYS_CRL_FULL, 2, 0);
    want.this_update = now - MRL_POLICY_PAST_S - 60;
    assert_int_equal(take(want), MRL_ERR_DENIED);
    want.this_update = now + MRL_POLICY_FUTURE_S + 60;
    assert_int_equal(take(want), MRL_ERR_DENIED);
}

static void a_base_belongs_to_a_delta_and_is_older(void **state)
{
    struct mrl_keys_crl want = begin_of(MRL_KEYS_CRL_DELTA, 5, 0);

    (void)state;
    want.base = 5;
    assert_int_equal(take(want), MRL_ERR_INVALID);
    want.base = 0;
    assert_int_equal(take(want), MRL_ERR_INVALID);
    want = begin_of(MRL_KEYS_CRL_FULL, 5, 0);
    want.base = 4;
    assert_int_equal(take(want), MRL_ERR_INVALID);
}

static void entries_are_whole_and_as_many_as_announced(void **state)
{
    MRL_SCOPED(mrl_buf) entry = {0};
    struct mrl_keys_crl add = {.step = MRL_KEYS_CRL_ADD};

    (void)state;
    assert_ok(mrl_crl_entry(MRL_LIT("\x01"), 1, MRL_CRL_UNSPECIFIED, &entry));
    add.entries = mrl_buf_bytes(&entry);
    assert_int_equal(take(add), MRL_ERR_STATE); /* nothing is begun */
    assert_int_equal(take(finish), MRL_ERR_STATE);
    assert_ok(take(begin_of(MRL_KEYS_CRL_FULL, 1, entry.len + 1)));
    assert_ok(take(add));
    assert_int_equal(take(finish), MRL_ERR_STATE); /* one byte is missing */
    assert_ok(take(begin_of(MRL_KEYS_CRL_FULL, 2, entry.len)));
    assert_ok(take(add));
    assert_int_equal(take(add), MRL_ERR_STATE); /* too many */
    assert_ok(take(begin_of(MRL_KEYS_CRL_FULL, 3, entry.len)));
    add.entries = mrl_bytes_sub(add.entries, 0, entry.len - 1);
    assert_int_equal(take(add), MRL_ERR_INVALID);
    assert_int_equal(take(finish), MRL_ERR_STATE); /* that was the end of it */
}

static void the_bytes_of_a_list_are_limited(void **state)
{
    (void)state;
    assert_ok(take(begin_of(MRL_KEYS_CRL_FULL, 1, MRL_KEYS_CRL_BYTES_MAX)));
    assert_int_equal(take(begin_of(MRL_KEYS_CRL_FULL, 2, (size_t)MRL_KEYS_CRL_BYTES_MAX + 1)),
                     MRL_ERR_LIMIT);
}

static void a_shard_needs_a_url(void **state)
{
    const struct mrl_keys_crl want = begin_of(MRL_KEYS_CRL_SHARD, 1, 0);
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_int_equal(mrl_keys_crl_step(&crls, &keystore, MRL_BYTES_NONE, &want, &out, NULL),
                     MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_list_in_pieces_is_one_list, fresh),
        cmocka_unit_test_setup(numbers_of_each_kind_and_shard_only_grow, fresh),
        cmocka_unit_test_setup(another_ca_has_numbers_of_its_own, fresh),
        cmocka_unit_test_setup(a_root_signs_no_list, fresh),
        cmocka_unit_test_setup(times_are_about_now_and_bounded, fresh),
        cmocka_unit_test_setup(a_base_belongs_to_a_delta_and_is_older, fresh),
        cmocka_unit_test_setup(entries_are_whole_and_as_many_as_announced, fresh),
        cmocka_unit_test_setup_teardown(the_bytes_of_a_list_are_limited, fresh, fresh),
        cmocka_unit_test_setup(a_shard_needs_a_url, fresh),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
