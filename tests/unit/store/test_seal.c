/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/random.h"
#include "crypto/hash.h"
#include "tests/unit/unit.h"

static const struct mrl_seal_place place = {"audit_entries", "private", MRL_LIT_INIT("17")};

static void add_key(struct mrl_sealer *s, uint32_t number, uint8_t fill)
{
    struct mrl_secret *key = mrl_secret_new(MRL_SEAL_KEY);

    memset(mrl_secret_data(key), fill, MRL_SEAL_KEY);
    assert_ok(mrl_sealer_add(s, number, key));
}

static struct mrl_sealer *sealer_with(uint64_t per_start)
{
    const struct mrl_seal_options o = {.per_start = per_start};
    struct mrl_sealer *s = mrl_sealer_new(&o);

    add_key(s, 1, 0xa1);
    return s;
}

static void assert_refused(struct mrl_sealer *s, const struct mrl_seal_place *at, mrl_bytes sealed,
                           const char *says)
{
    MRL_SCOPED(mrl_buf) plain = {0};
    struct mrl_secret *secret = NULL;
    struct mrl_why why = {{0}};

    assert_int_equal(mrl_unseal(s, at, sealed, &plain, &why), MRL_ERR_CORRUPT);
    assert_int_equal(plain.len, 0);
    assert_non_null(strstr(why.text, at->table));
    assert_non_null(strstr(why.text, at->column));
    assert_non_null(strstr(why.text, says));
    assert_int_equal(mrl_unseal_secret(s, at, sealed, &secret, NULL), MRL_ERR_CORRUPT);
    assert_null(secret);
}

static void what_was_sealed_opens_at_its_place(void **state)
{
    MRL_AUTO(mrl_sealer) s = sealer_with(0);
    static const mrl_bytes texts[] = {MRL_LIT_INIT(""), MRL_LIT_INIT("x"),
                                      MRL_LIT_INIT("a private text of more than one block")};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(texts); i++) {
        MRL_SCOPED(mrl_buf) sealed = {0};
        MRL_SCOPED(mrl_buf) plain = {0};
        MRL_AUTO(mrl_secret) secret = NULL;

        assert_ok(mrl_buf_append(&sealed, MRL_LIT("before")));
        assert_ok(mrl_seal(s, &place, texts[i], &sealed));
        mrl_buf_consume(&sealed, 6);
        assert_int_equal(sealed.len, texts[i].len + MRL_SEAL_OVERHEAD);
        assert_ok(mrl_unseal(s, &place, mrl_buf_bytes(&sealed), &plain, NULL));
        assert_bytes_equal(mrl_buf_bytes(&plain), texts[i]);
        assert_ok(mrl_unseal_secret(s, &place, mrl_buf_bytes(&sealed), &secret, NULL));
        assert_bytes_equal(mrl_secret_bytes(secret), texts[i]);
    }
}

static void every_changed_byte_is_refused_and_the_place_named(void **state)
{
    MRL_AUTO(mrl_sealer) s = sealer_with(0);
    MRL_SCOPED(mrl_buf) sealed = {0};

    (void)state;
    assert_ok(mrl_seal(s, &place, MRL_LIT("private"), &sealed));
    for (size_t i = 0; i < sealed.len; i++) {
        for (uint8_t bit = 1; bit != 0; bit = (uint8_t)(bit << 1)) {
            sealed.data[i] ^= bit;
            assert_refused(s, &place, mrl_buf_bytes(&sealed), "row 17");
            sealed.data[i] ^= bit;
        }
    }
}

static void every_cut_and_every_addition_is_refused(void **state)
{
    MRL_AUTO(mrl_sealer) s = sealer_with(0);
    MRL_SCOPED(mrl_buf) sealed = {0};

    (void)state;
    assert_ok(mrl_seal(s, &place, MRL_LIT("private"), &sealed));
    for (size_t len = 0; len < sealed.len; len++)
        assert_refused(s, &place, mrl_bytes_of(sealed.data, len),
                       len < MRL_SEAL_OVERHEAD ? "not an envelope" : "changed");
    assert_ok(mrl_buf_append(&sealed, MRL_LIT("\0")));
    assert_refused(s, &place, mrl_buf_bytes(&sealed), "changed");
}

static void an_envelope_opens_at_no_other_place(void **state)
{
    MRL_AUTO(mrl_sealer) s = sealer_with(0);
    MRL_SCOPED(mrl_buf) sealed = {0};
    static const struct mrl_seal_place others[] = {
        {"audit_entries", "private", MRL_LIT_INIT("18")},
        {"audit_entries", "private", MRL_LIT_INIT("")},
        {"audit_entries", "privat", MRL_LIT_INIT("e17")},
        {"audit_entriesp", "rivate", MRL_LIT_INIT("17")},
        {"devices", "private", MRL_LIT_INIT("17")},
    };

    (void)state;
    assert_ok(mrl_seal(s, &place, MRL_LIT("private"), &sealed));
    for (size_t i = 0; i < MRL_COUNT(others); i++)
        assert_refused(s, &others[i], mrl_buf_bytes(&sealed), "another place");
}

static void a_row_that_is_no_text_is_shown_harmless(void **state)
{
    MRL_AUTO(mrl_sealer) s = sealer_with(0);
    static const struct mrl_seal_place odd = {"t", "c", MRL_LIT_INIT("a\x1b[2J\nb")};
    struct mrl_why why = {{0}};
    MRL_SCOPED(mrl_buf) plain = {0};

    (void)state;
    assert_int_equal(mrl_unseal(s, &odd, MRL_BYTES_NONE, &plain, &why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, "row a?[2J?b:"));
}

static void the_newest_key_seals_and_all_open(void **state)
{
    MRL_AUTO(mrl_sealer) s = sealer_with(0);
    MRL_SCOPED(mrl_buf) first = {0};
    MRL_SCOPED(mrl_buf) third = {0};
    MRL_SCOPED(mrl_buf) plain = {0};
    uint32_t number = 0;

    (void)state;
    assert_ok(mrl_seal(s, &place, MRL_LIT("one"), &first));
    add_key(s, 3, 0xa3);
    add_key(s, 2, 0xa2); /* loaded later, still not the newest */
    assert_int_equal(mrl_sealer_newest(s), 3);
    assert_ok(mrl_seal(s, &place, MRL_LIT("three"), &third));
    assert_ok(mrl_seal_key_of(mrl_buf_bytes(&first), &number));
    assert_int_equal(number, 1);
    assert_ok(mrl_seal_key_of(mrl_buf_bytes(&third), &number));
    assert_int_equal(number, 3);
    assert_ok(mrl_unseal(s, &place, mrl_buf_bytes(&first), &plain, NULL));
    assert_ok(mrl_unseal(s, &place, mrl_buf_bytes(&third), &plain, NULL));
    assert_bytes_equal(mrl_buf_bytes(&plain), MRL_LIT("onethree"));
}

static void what_a_dropped_key_sealed_opens_no_more(void **state)
{
    MRL_AUTO(mrl_sealer) s = sealer_with(0);
    MRL_SCOPED(mrl_buf) sealed = {0};
    MRL_SCOPED(mrl_buf) plain = {0};

    (void)state;
    assert_ok(mrl_seal(s, &place, MRL_LIT("one"), &sealed));
    assert_int_equal(mrl_sealer_drop(s, 1), MRL_ERR_STATE);
    add_key(s, 2, 0xa2);
    assert_ok(mrl_sealer_drop(s, 1));
    assert_int_equal(mrl_sealer_drop(s, 1), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_sealer_drop(s, 0), MRL_ERR_NOT_FOUND);
    assert_refused(s, &place, mrl_buf_bytes(&sealed), "does not exist here");
    add_key(s, 1, 0xa1); /* the same material opens it again: it was not the cache */
    assert_ok(mrl_unseal(s, &place, mrl_buf_bytes(&sealed), &plain, NULL));
    add_key(s, 4, 0xa1); /* under another number it does not */
    sealed.data[4] = 4;
    assert_refused(s, &place, mrl_buf_bytes(&sealed), "changed");
}

static void bad_keys_are_refused(void **state)
{
    MRL_AUTO(mrl_sealer) s = mrl_sealer_new(NULL);
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_int_equal(mrl_sealer_newest(s), 0);
    assert_int_equal(mrl_seal(s, &place, MRL_LIT("x"), &out), MRL_ERR_STATE);
    assert_int_equal(out.len, 0);
    assert_int_equal(mrl_sealer_add(s, 1, mrl_secret_new(MRL_SEAL_KEY - 1)), MRL_ERR_INVALID);
    assert_int_equal(mrl_sealer_add(s, 1, mrl_secret_new(MRL_SEAL_KEY + 1)), MRL_ERR_INVALID);
    assert_int_equal(mrl_sealer_add(s, 0, mrl_secret_new(MRL_SEAL_KEY)), MRL_ERR_INVALID);
    for (uint32_t n = 1; n <= MRL_SEAL_KEYS_MAX; n++)
        add_key(s, n, (uint8_t)n);
    assert_int_equal(mrl_sealer_add(s, 1, mrl_secret_new(MRL_SEAL_KEY)), MRL_ERR_EXISTS);
    assert_int_equal(mrl_sealer_add(s, MRL_SEAL_KEYS_MAX + 1, mrl_secret_new(MRL_SEAL_KEY)),
                     MRL_ERR_LIMIT);
}

static void limits_hold_at_the_limit_and_not_past_it(void **state)
{
    MRL_AUTO(mrl_sealer) s = sealer_with(0);
    char name[MRL_SEAL_NAME_MAX + 2];
    uint8_t row[MRL_SEAL_ROW_MAX + 1] = {0};
    uint8_t *large = calloc(1, MRL_SEAL_PLAIN_MAX + 1);
    struct mrl_seal_place at = {name, name, mrl_bytes_of(row, MRL_SEAL_ROW_MAX)};
    MRL_SCOPED(mrl_buf) out = {0};
    MRL_SCOPED(mrl_buf) plain = {0};

    (void)state;
    assert_non_null(large);
    memset(name, 'n', sizeof(name));
    name[MRL_SEAL_NAME_MAX] = '\0';
    assert_ok(mrl_seal(s, &at, mrl_bytes_of(large, MRL_SEAL_PLAIN_MAX), &out));
    assert_ok(mrl_unseal(s, &at, mrl_buf_bytes(&out), &plain, NULL));
    assert_bytes_equal(mrl_buf_bytes(&plain), mrl_bytes_of(large, MRL_SEAL_PLAIN_MAX));
    assert_int_equal(mrl_seal(s, &at, mrl_bytes_of(large, MRL_SEAL_PLAIN_MAX + 1), &out),
                     MRL_ERR_LIMIT);
    at.row.len++;
    assert_int_equal(mrl_seal(s, &at, MRL_BYTES_NONE, &out), MRL_ERR_LIMIT);
    at.row.len--;
    name[MRL_SEAL_NAME_MAX] = 'n';
    name[MRL_SEAL_NAME_MAX + 1] = '\0';
    assert_int_equal(mrl_seal(s, &at, MRL_BYTES_NONE, &out), MRL_ERR_INVALID);
    free(large);
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
    MRL_AUTO(mrl_sealer) s = sealer_with(0);
    struct mrl_buf out = {.limit = MRL_SEAL_OVERHEAD + 1};

    (void)state;
    assert_int_equal(mrl_seal(s, &place, MRL_LIT("xy"), &out), MRL_ERR_LIMIT);
    assert_int_equal(out.len, 0);
    assert_ok(mrl_seal(s, &place, MRL_LIT("x"), &out));
    assert_int_equal(out.len, MRL_SEAL_OVERHEAD + 1);
    mrl_buf_done(&out);
}

/* Start and counter of an envelope: what must never come twice under one data key. */
enum { NONCE_AT = 5, NONCE_LEN = 24 };
struct nonces {
    uint8_t (*at)[NONCE_LEN];
    size_t count;
};

static void collect(struct mrl_sealer *s, struct nonces *n)
{
    MRL_SCOPED(mrl_buf) out = {0};

    assert_ok(mrl_seal(s, &place, MRL_LIT("x"), &out));
    memcpy(n->at[n->count++], &out.data[NONCE_AT], NONCE_LEN);
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, NONCE_LEN);
}

static void assert_all_different(struct nonces *n)
{
    qsort(n->at, n->count, NONCE_LEN, by_bytes);
    for (size_t i = 1; i < n->count; i++)
        assert_true(memcmp(n->at[i - 1], n->at[i], NONCE_LEN) != 0);
}

static void no_nonce_comes_twice_over_many_starts(void **state)
{
    struct nonces n = {calloc(300, NONCE_LEN), 0};

    (void)state;
    assert_non_null(n.at);
    for (size_t start = 0; start < 100; start++) {
        MRL_AUTO(mrl_sealer) s = sealer_with(0); /* the same key every time */

        for (size_t i = 0; i < 3; i++)
            collect(s, &n);
    }
    assert_int_equal(n.count, 300);
    assert_all_different(&n);
    free(n.at);
}

static void a_start_that_is_used_up_is_replaced(void **state)
{
    MRL_AUTO(mrl_sealer) s = sealer_with(2);
    struct nonces n = {calloc(3, NONCE_LEN), 0};

    (void)state;
    assert_non_null(n.at);
    for (size_t i = 0; i < 3; i++)
        collect(s, &n);
    assert_memory_equal(n.at[0], n.at[1], 16);
    assert_true(memcmp(n.at[1], n.at[2], 16) != 0);
    assert_all_different(&n);
    free(n.at);
}

enum { THREADS = 4, EACH = 2000 };
struct sealing_thread {
    struct mrl_sealer *s;
    pthread_t thread;
    struct nonces nonces;
    bool failed;
};

/* cmocka's asserts are for the main thread only. */
static void *seal_and_open(void *context)
{
    struct sealing_thread *t = context;

    for (size_t i = 0; i < EACH; i++) {
        MRL_SCOPED(mrl_buf) out = {0};
        MRL_SCOPED(mrl_buf) plain = {0};

        if (mrl_seal(t->s, &place, MRL_LIT("thread"), &out) != MRL_OK ||
            mrl_unseal(t->s, &place, mrl_buf_bytes(&out), &plain, NULL) != MRL_OK ||
            !mrl_bytes_eq(mrl_buf_bytes(&plain), MRL_LIT("thread"))) {
            t->failed = true;
            break;
        }
        memcpy(t->nonces.at[i], &out.data[NONCE_AT], NONCE_LEN);
        t->nonces.count++;
    }
    return NULL;
}

static void threads_share_a_sealer_while_keys_and_starts_change(void **state)
{
    MRL_AUTO(mrl_sealer) s = sealer_with(50);
    struct sealing_thread threads[THREADS] = {0};
    struct nonces all = {calloc(THREADS * EACH, NONCE_LEN), 0};

    (void)state;
    assert_non_null(all.at);
    for (size_t i = 0; i < THREADS; i++) {
        threads[i] = (struct sealing_thread){.s = s, .nonces.at = &all.at[i * EACH]};
        assert_int_equal(pthread_create(&threads[i].thread, NULL, seal_and_open, &threads[i]), 0);
    }
    for (uint32_t n = 2; n < 2 + MRL_SEAL_KEYS_MAX - 1; n++)
        add_key(s, n, (uint8_t)n);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
        assert_false(threads[i].failed);
        all.count += threads[i].nonces.count;
    }
    assert_int_equal(all.count, THREADS * EACH);
    assert_all_different(&all);
    free(all.at);
}

static void more_starts_than_are_kept_still_open(void **state)
{
    enum { STARTS = 200 };
    MRL_AUTO(mrl_sealer) s = sealer_with(1);
    struct mrl_buf sealed[STARTS] = {0};

    (void)state;
    for (size_t i = 0; i < STARTS; i++)
        assert_ok(mrl_seal(s, &place, mrl_bytes_of(&i, sizeof(i)), &sealed[i]));
    for (size_t i = 0; i < STARTS; i++) {
        MRL_SCOPED(mrl_buf) plain = {0};

        assert_ok(mrl_unseal(s, &place, mrl_buf_bytes(&sealed[i]), &plain, NULL));
        assert_bytes_equal(mrl_buf_bytes(&plain), mrl_bytes_of(&i, sizeof(i)));
        mrl_buf_done(&sealed[i]);
    }
}

/* Keys that are looked for are kept inverted, or the search would find what it searches for. */
enum { PIECE = 1 << 16 };
static const uintptr_t SHADOW_LEAST = (uintptr_t)1 << 34;
struct search {
    const uint8_t *inverted; /* MRL_SEAL_KEY bytes */
    uint8_t piece[PIECE + MRL_SEAL_KEY];
    unsigned hits;
};

static bool is_it(const struct search *s, const uint8_t *at)
{
    for (size_t i = 0; i < MRL_SEAL_KEY; i++)
        if ((at[i] ^ s->inverted[i]) != 0xff)
            return false;
    return true;
}

static void search_region(struct search *s, int memory, uintptr_t from, uintptr_t to)
{
    for (; from < to; from += PIECE) {
        size_t want = to - from < sizeof(s->piece) ? to - from : sizeof(s->piece);
        ssize_t got = pread(memory, s->piece, want, (off_t)from);

        for (ssize_t i = 0; i + MRL_SEAL_KEY <= got; i++)
            s->hits += is_it(s, &s->piece[i]);
    }
}

/* In all memory this process can write, but for the search itself. */
static unsigned copies_of(const uint8_t inverted[static MRL_SEAL_KEY])
{
    struct search *s =
        mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FILE *maps = fopen("/proc/self/maps", "re");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    unsigned hits;
    char line[512];

    assert_true(s != MAP_FAILED && maps != NULL && memory >= 0);
    s->inverted = inverted;
    while (fgets(line, sizeof(line), maps) != NULL) {
        char *end = NULL;
        uintptr_t from = strtoul(line, &end, 16), to = strtoul(end + 1, &end, 16);
        bool ours = (uintptr_t)s < to && (uintptr_t)s + sizeof(*s) > from;
        bool shadow = to - from > SHADOW_LEAST; /* of a sanitizer */

        if (end[2] == 'w' && !ours && !shadow) /* "7f12-7f34 rw-p ..." */
            search_region(s, memory, from, to);
    }
    hits = s->hits;
    (void)fclose(maps);
    (void)close(memory);
    assert_int_equal(munmap(s, sizeof(*s)), 0);
    return hits;
}

static void invert(const struct mrl_secret *key, uint8_t out[static MRL_SEAL_KEY])
{
    for (size_t i = 0; i < MRL_SEAL_KEY; i++)
        out[i] = (uint8_t)~mrl_secret_bytes(key).data[i];
}

/* The key of one start, from the header of what it sealed. */
static void invert_derived(const struct mrl_secret *key, const struct mrl_buf *sealed,
                           uint8_t out[static MRL_SEAL_KEY])
{
    MRL_AUTO(mrl_secret) derived = NULL;

    assert_ok(mrl_hkdf_sha256(mrl_secret_bytes(key), mrl_bytes_of(&sealed->data[5], 16),
                              MRL_LIT("merlon seal v1"), MRL_SEAL_KEY, &derived));
    invert(derived, out);
}

static bool comes_to(const uint8_t inverted[static MRL_SEAL_KEY], unsigned copies)
{
    for (unsigned i = 0; i < 1500; i++) { /* wiped a moment after it was dropped */
        if (copies_of(inverted) == copies)
            return true;
        (void)usleep(20000);
    }
    return false;
}

static void a_dropped_key_is_nowhere_in_memory(void **state)
{
    struct mrl_secret *key = mrl_secret_new(MRL_SEAL_KEY);
    MRL_AUTO(mrl_sealer) s = sealer_with(0);
    MRL_SCOPED(mrl_buf) sealed = {0};
    MRL_SCOPED(mrl_buf) plain = {0};
    uint8_t data_key[MRL_SEAL_KEY], derived[MRL_SEAL_KEY];

    (void)state;
    mrl_random(mrl_secret_data(key), MRL_SEAL_KEY);
    invert(key, data_key);
    assert_ok(mrl_sealer_add(s, 2, key));
    assert_ok(mrl_seal(s, &place, MRL_LIT("x"), &sealed));
    assert_ok(mrl_unseal(s, &place, mrl_buf_bytes(&sealed), &plain, NULL));
    invert_derived(key, &sealed, derived); /* the sealer still has it */
    assert_int_equal(copies_of(data_key), 1);
    assert_int_equal(copies_of(derived), 4); /* for sealing and for opening: itself and expanded */
    add_key(s, 3, 0xa3);
    assert_ok(mrl_sealer_drop(s, 2));
    assert_true(comes_to(data_key, 0));
    assert_true(comes_to(derived, 0));
}

static void a_number_is_a_row(void **state)
{
    char memory[MRL_SEAL_NUMBER_MAX];

    (void)state;
    assert_bytes_equal(mrl_seal_row_number(17, memory), MRL_LIT("17"));
    assert_bytes_equal(mrl_seal_row_number(INT64_MIN, memory), MRL_LIT("-9223372036854775808"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sealed_opens_at_its_place),
        cmocka_unit_test(every_changed_byte_is_refused_and_the_place_named),
        cmocka_unit_test(every_cut_and_every_addition_is_refused),
        cmocka_unit_test(an_envelope_opens_at_no_other_place),
        cmocka_unit_test(a_row_that_is_no_text_is_shown_harmless),
        cmocka_unit_test(the_newest_key_seals_and_all_open),
        cmocka_unit_test(what_a_dropped_key_sealed_opens_no_more),
        cmocka_unit_test(bad_keys_are_refused),
        cmocka_unit_test(limits_hold_at_the_limit_and_not_past_it),
        cmocka_unit_test(a_full_buffer_is_left_as_it_was),
        cmocka_unit_test(no_nonce_comes_twice_over_many_starts),
        cmocka_unit_test(a_start_that_is_used_up_is_replaced),
        cmocka_unit_test(threads_share_a_sealer_while_keys_and_starts_change),
        cmocka_unit_test(more_starts_than_are_kept_still_open),
        cmocka_unit_test(a_dropped_key_is_nowhere_in_memory),
        cmocka_unit_test(a_number_is_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
