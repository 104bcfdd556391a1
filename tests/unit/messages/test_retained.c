/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/retained.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct mrl_publication of(const char *topic, const char *payload, const char *owner)
{
    return (struct mrl_publication){.topic = mrl_str(topic),
                                    .payload = mrl_str(payload),
                                    .owner = mrl_str(owner),
                                    .retain = true};
}

static void keep(struct mrl_retained *r, const char *topic, const char *payload, const char *owner)
{
    const struct mrl_publication like = of(topic, payload, owner);
    struct mrl_publication *p = mrl_publication_new(&like);

    assert_ok(mrl_retained_set(r, p));
    mrl_publication_unref(p);
}

static bool fits(struct mrl_retained *r, const char *topic, const char *owner, size_t most_messages,
                 size_t most_bytes)
{
    const struct mrl_publication p = of(topic, "payload", owner);

    return mrl_retained_has_room(r, &p, most_messages, most_bytes);
}

static void an_owner_may_keep_its_limit_and_not_one_more(void **state)
{
    struct mrl_retained *r = mrl_retained_new(100, 1 << 20);

    (void)state;
    assert_false(fits(r, "a", "d1", 0, 1 << 16));
    assert_true(fits(r, "a", "d1", 1, 1 << 16));
    keep(r, "a", "payload", "d1");
    assert_false(fits(r, "b", "d1", 1, 1 << 16));
    assert_true(fits(r, "b", "d1", 2, 1 << 16));
    assert_true(fits(r, "b", "d2", 1, 1 << 16));
    mrl_retained_free(r);
}

static void bytes_are_counted_exactly(void **state)
{
    struct mrl_retained *r = mrl_retained_new(100, 1 << 20);
    const struct mrl_publication like = of("a", "payload", "d1");
    size_t one = mrl_publication_size(&like);

    (void)state;
    assert_true(fits(r, "a", "d1", 9, one));
    assert_false(fits(r, "a", "d1", 9, one - 1));
    keep(r, "a", "payload", "d1");
    assert_true(fits(r, "b", "d1", 9, 2 * one));
    assert_false(fits(r, "b", "d1", 9, 2 * one - 1));
    mrl_retained_free(r);
}

static void what_is_replaced_or_removed_counts_no_more(void **state)
{
    struct mrl_retained *r = mrl_retained_new(100, 1 << 20);
    const struct mrl_publication like = of("a", "payload", "d1");

    (void)state;
    keep(r, "a", "a longer payload", "d1");
    assert_true(fits(r, "a", "d1", 1, mrl_publication_size(&like)));
    keep(r, "b", "payload", "d1");
    assert_false(fits(r, "c", "d1", 2, 1 << 16));
    keep(r, "b", "", "d1");
    assert_true(fits(r, "c", "d1", 2, 1 << 16));
    mrl_retained_free(r);
}

static void a_topic_that_changes_hands_counts_for_the_new_owner(void **state)
{
    struct mrl_retained *r = mrl_retained_new(100, 1 << 20);

    (void)state;
    keep(r, "a", "payload", "d1");
    assert_false(fits(r, "a", "d2", 0, 1 << 16));
    assert_true(fits(r, "a", "d2", 1, 1 << 16));
    keep(r, "a", "payload", "d2");
    assert_true(fits(r, "b", "d1", 1, 1 << 16));
    assert_false(fits(r, "b", "d2", 1, 1 << 16));
    keep(r, "a", "payload", "");
    assert_true(fits(r, "b", "d2", 1, 1 << 16));
    mrl_retained_free(r);
}

static void what_another_one_had_makes_no_room(void **state)
{
    struct mrl_retained *r = mrl_retained_new(100, 1 << 20);
    const struct mrl_publication like = of("a", "payload", "d2");
    size_t one = mrl_publication_size(&like);

    (void)state;
    keep(r, "a", "payload", "d1");
    keep(r, "b", "payload", "d2");
    assert_false(fits(r, "a", "d2", 1, 2 * one));
    assert_true(fits(r, "a", "d2", 2, 2 * one));
    assert_false(fits(r, "a", "d2", 2, 2 * one - 1));
    mrl_retained_free(r);
}

static void removing_always_fits(void **state)
{
    struct mrl_retained *r = mrl_retained_new(100, 1 << 20);
    const struct mrl_publication nothing = of("a", "", "d1");

    (void)state;
    assert_true(mrl_retained_has_room(r, &nothing, 0, 0));
    mrl_retained_free(r);
}

static size_t take(struct mrl_retained *r, const char *owner, const char *filter, size_t most)
{
    struct mrl_retained_change gone[8];
    size_t count = mrl_retained_take(r, mrl_str(owner), mrl_str(filter), 0, gone, most);

    for (size_t i = 0; i < count; i++)
        mrl_publication_unref(gone[i].previous);
    return count;
}

static void what_an_owner_has_and_what_is_below_a_filter_is_taken_and_nothing_else(void **state)
{
    struct mrl_retained *r = mrl_retained_new(100, 1 << 20);

    (void)state;
    keep(r, "elsewhere", "payload", "d1");
    keep(r, "devices/d1/a", "payload", "d1");
    keep(r, "devices/d1/orders", "payload", "app");
    keep(r, "devices/d10/a", "payload", "d10");
    keep(r, "orders", "payload", "app");
    assert_int_equal(take(r, "d1", "devices/d1/#", 8), 3);
    assert_int_equal(mrl_retained_count(r), 2);
    assert_int_equal(take(r, "d1", "devices/d1/#", 8), 0);
    assert_int_equal(take(r, "d2", "", 8), 0);
    assert_true(fits(r, "a", "d1", 1, 1 << 16));
    assert_false(fits(r, "a", "app", 1, 1 << 16));
    mrl_retained_free(r);
}

static void no_more_is_taken_at_once_than_was_asked_for(void **state)
{
    struct mrl_retained *r = mrl_retained_new(100, 1 << 20);

    (void)state;
    keep(r, "devices/d1/a", "payload", "d1");
    keep(r, "devices/d1/b", "payload", "d1");
    keep(r, "devices/d1/c", "payload", "app");
    assert_int_equal(take(r, "d1", "devices/d1/#", 1), 1);
    assert_int_equal(take(r, "d1", "devices/d1/#", 2), 2);
    assert_int_equal(mrl_retained_count(r), 0);
    mrl_retained_free(r);
}

static mrl_err try_keep(struct mrl_retained *r, const char *topic, const char *payload)
{
    const struct mrl_publication like = of(topic, payload, "");
    struct mrl_publication *p = mrl_publication_new(&like);
    mrl_err err = mrl_retained_set(r, p);

    mrl_publication_unref(p);
    return err;
}

static void all_together_have_their_bytes_and_not_one_more(void **state)
{
    const struct mrl_publication like = of("a", "payload", "");
    struct mrl_retained *r = mrl_retained_new(100, 2 * mrl_publication_size(&like));

    (void)state;
    assert_ok(try_keep(r, "a", "payload"));
    assert_int_equal(try_keep(r, "b", "payload+"), MRL_ERR_LIMIT);
    assert_ok(try_keep(r, "b", "payload"));
    assert_int_equal(try_keep(r, "b", "payload+"), MRL_ERR_LIMIT);
    assert_ok(try_keep(r, "b", "another")); /* as long: what it replaces counts no more */
    assert_ok(try_keep(r, "a", "payloa"));
    assert_ok(try_keep(r, "b", "payload+"));
    mrl_retained_free(r);
}

static void keep_number(struct mrl_retained *r, int n, const char *payload)
{
    char topic[16];

    (void)snprintf(topic, sizeof(topic), "t/%d", n);
    keep(r, topic, payload, "");
}

static size_t let_go(struct mrl_retained_batch *b)
{
    size_t count = b->count;

    for (size_t i = 0; i < count; i++)
        mrl_publication_unref(b->found[i].publication);
    *b = (struct mrl_retained_batch){0};
    return count;
}

static bool search(struct mrl_retained *r, const char *filter, uint64_t after,
                   struct mrl_retained_batch *out)
{
    const struct mrl_retained_span span = {after, mrl_retained_last(r)};

    return mrl_retained_search(r, mrl_str(filter), span, 0, out);
}

static void a_portion_is_so_many_and_not_one_more(void **state)
{
    struct mrl_retained *r = mrl_retained_new(1000, 1 << 20);
    struct mrl_retained_batch b = {0};
    uint64_t last;

    (void)state;
    assert_true(search(r, "t/+", 0, &b));
    assert_int_equal(let_go(&b), 0);
    for (int i = 0; i < MRL_RETAINED_AT_ONCE; i++)
        keep_number(r, i, "payload");
    assert_true(search(r, "t/+", 0, &b));
    assert_false(b.more);
    assert_int_equal(let_go(&b), MRL_RETAINED_AT_ONCE);
    keep_number(r, MRL_RETAINED_AT_ONCE, "payload");
    assert_true(search(r, "t/+", 0, &b));
    assert_true(b.more);
    last = b.found[b.count - 1].number;
    assert_int_equal(let_go(&b), MRL_RETAINED_AT_ONCE);
    assert_true(search(r, "t/+", last, &b));
    assert_false(b.more);
    assert_int_equal(let_go(&b), 1);
    mrl_retained_free(r);
}

static void a_portion_has_so_many_bytes_or_is_one(void **state)
{
    struct mrl_retained *r = mrl_retained_new(1000, 1 << 20);
    const struct mrl_publication shortest = of("t/1", "1", "");
    size_t room = MRL_RETAINED_BYTES_AT_ONCE - 2 * mrl_publication_size(&shortest);
    struct mrl_retained_batch b = {0};
    char *payload = calloc(1, 2 * MRL_RETAINED_BYTES_AT_ONCE);

    (void)state;
    assert_non_null(payload);
    memset(payload, 'x', room + 1);
    keep_number(r, 1, "1");
    keep_number(r, 2, payload);
    assert_true(search(r, "#", 0, &b));
    assert_int_equal(b.bytes, MRL_RETAINED_BYTES_AT_ONCE);
    assert_false(b.more);
    assert_int_equal(let_go(&b), 2);
    keep_number(r, 1, "12");
    assert_true(search(r, "#", 0, &b));
    assert_true(b.more);
    assert_int_equal(let_go(&b), 1);
    memset(payload, 'x', 2 * MRL_RETAINED_BYTES_AT_ONCE - 1);
    keep_number(r, 2, payload);
    assert_true(search(r, "t/2", 0, &b));
    assert_false(b.more);
    assert_int_equal(let_go(&b), 1);
    free(payload);
    mrl_retained_free(r);
}

static void a_search_sees_its_span_in_the_order_of_the_numbers(void **state)
{
    struct mrl_retained *r = mrl_retained_new(1000, 1 << 20);
    struct mrl_retained_batch b = {0};
    uint64_t last;

    (void)state;
    for (int i = 0; i < 100; i++)
        keep_number(r, i, "payload");
    last = mrl_retained_last(r);
    keep_number(r, 50, "later");
    assert_true(
        mrl_retained_search(r, MRL_LIT("t/+"), (struct mrl_retained_span){last - 60, last}, 0, &b));
    for (size_t i = 0; i < b.count; i++)
        assert_int_equal(b.found[i].number, last - 60 + 1 + i + (i >= 10));
    assert_int_equal(let_go(&b), 59);
    mrl_retained_free(r);
}

/* Root, "t", and one a leaf. */
static void a_search_passes_so_many_nodes_and_not_one_more(void **state)
{
    struct mrl_retained *r = mrl_retained_new(2 * MRL_RETAINED_SEARCH_MOST, 4 << 20);
    struct mrl_retained_batch b = {0};

    (void)state;
    keep(r, "u", "payload", "");
    for (int i = 0; i < MRL_RETAINED_SEARCH_MOST - 2; i++)
        keep_number(r, i, "payload");
    assert_true(search(r, "t/+", 0, &b));
    assert_int_equal(b.looked, MRL_RETAINED_SEARCH_MOST);
    assert_int_equal(let_go(&b), MRL_RETAINED_AT_ONCE);
    keep_number(r, MRL_RETAINED_SEARCH_MOST - 2, "payload");
    assert_false(search(r, "t/+", 0, &b));
    assert_int_equal(b.looked, MRL_RETAINED_SEARCH_MOST);
    assert_int_equal(let_go(&b), 0);
    mrl_retained_free(r);
}

static void a_search_passes_what_is_below_its_filter_only(void **state)
{
    struct mrl_retained *r = mrl_retained_new(1000, 1 << 20);
    struct mrl_retained_batch b = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        keep_number(r, i, "payload");
    assert_true(search(r, "t/7", 0, &b));
    assert_int_equal(b.looked, 3);
    assert_int_equal(let_go(&b), 1);
    assert_true(search(r, "t/none/+/+", 0, &b));
    assert_int_equal(b.looked, 2);
    assert_int_equal(let_go(&b), 0);
    mrl_retained_free(r);
}

static bool walk_on(struct mrl_retained *r, struct mrl_retained_walk *w, const char *filter,
                    struct mrl_retained_batch *out)
{
    mrl_retained_walk_on(r, w, mrl_str(filter), 0, out);
    return out->more;
}

/* Each step looks at some, in the order in which they were set. */
static void a_walk_sees_what_was_there_and_still_is(void **state)
{
    struct mrl_retained *r = mrl_retained_new(2000, 1 << 20);
    struct mrl_retained_batch b = {0};
    struct mrl_retained_walk w, other;
    size_t found = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        keep_number(r, i, "payload");
    mrl_retained_walk_begin(r, &other, (struct mrl_retained_span){5, mrl_retained_last(r)});
    mrl_retained_walk_begin(r, &w, (struct mrl_retained_span){0, mrl_retained_last(r)});
    assert_true(walk_on(r, &w, "t/+", &b));
    assert_true(mrl_bytes_eq(b.found[0].publication->topic, MRL_LIT("t/0")));
    assert_int_equal(b.found[b.count - 1].number, b.found[0].number + MRL_RETAINED_AT_ONCE - 1);
    found += let_go(&b);
    keep_number(r, 0, "again");      /* was given */
    keep_number(r, 900, "newer");    /* was not */
    keep_number(r, 901, "");         /* neither */
    keep_number(r, 1001, "payload"); /* was not there */
    while (walk_on(r, &w, "t/+", &b))
        found += let_go(&b);
    found += let_go(&b);
    assert_int_equal(found, 998);
    mrl_retained_walk_end(r, &w);
    found = 0;
    while (walk_on(r, &other, "t/#", &b))
        found += let_go(&b);
    assert_int_equal(found + let_go(&b), 1000 - 5 - 2); /* begins behind the fifth */
    mrl_retained_walk_end(r, &other);
    mrl_retained_free(r);
}

static struct mrl_retained_change replace(struct mrl_retained *r, const char *topic,
                                          const char *payload)
{
    const struct mrl_publication like = of(topic, payload, "");
    struct mrl_publication *p = mrl_publication_new(&like);
    struct mrl_retained_change change;

    assert_ok(mrl_retained_replace(r, p, 0, &change));
    mrl_publication_unref(p);
    return change;
}

static void take_back(struct mrl_retained *r, const char *topic, struct mrl_retained_change change)
{
    mrl_retained_take_back(r, mrl_str(topic), &change);
    mrl_publication_unref(change.previous);
}

/* The store refused what replaced it: a walk that began before it meets it once, where that stood.
 * What was set meanwhile still is not seen. */
static void a_walk_sees_what_was_taken_back(void **state)
{
    struct mrl_retained *r = mrl_retained_new(10, 1 << 20);
    struct mrl_retained_batch b = {0};
    struct mrl_retained_change change;
    struct mrl_retained_walk w;
    _Atomic int64_t rows = 10;

    (void)state;
    mrl_retained_number(r, &rows);
    keep(r, "t/1", "one", "");
    keep(r, "t/2", "two", "");
    mrl_retained_walk_begin(r, &w, (struct mrl_retained_span){0, mrl_retained_last(r)});
    change = replace(r, "t/1", "refused");
    keep(r, "t/3", "later", "");
    take_back(r, "t/1", change);
    assert_false(walk_on(r, &w, "t/+", &b));
    assert_int_equal(b.count, 2);
    assert_bytes_equal(b.found[0].publication->payload, MRL_LIT("two"));
    assert_bytes_equal(b.found[1].publication->payload, MRL_LIT("one"));
    assert_int_equal(b.found[1].number, 11);
    assert_int_equal(b.found[1].place, 13);
    let_go(&b);
    mrl_retained_walk_end(r, &w);
    mrl_retained_free(r);
}

static void a_step_of_a_walk_looks_at_so_many_whatever_it_finds(void **state)
{
    struct mrl_retained *r = mrl_retained_new(2000, 1 << 20);
    struct mrl_retained_batch b = {0};
    struct mrl_retained_walk w;

    (void)state;
    for (int i = 0; i < 2 * MRL_RETAINED_WALK_STEP; i++)
        keep_number(r, i, "payload");
    mrl_retained_walk_begin(r, &w, (struct mrl_retained_span){0, mrl_retained_last(r)});
    for (int step = 0; step < 2; step++) {
        assert_true(walk_on(r, &w, "t/none/+", &b));
        assert_int_equal(b.looked, MRL_RETAINED_WALK_STEP);
        assert_int_equal(let_go(&b), 0);
    }
    assert_false(walk_on(r, &w, "t/none/+", &b));
    assert_int_equal(b.looked, 0);
    mrl_retained_walk_end(r, &w);
    mrl_retained_free(r);
}

/* So each that has its turn stands above those before it. */
static void a_search_sees_what_was_taken_back_in_its_place(void **state)
{
    struct mrl_retained *r = mrl_retained_new(10, 1 << 20);
    struct mrl_retained_batch b = {0};
    _Atomic int64_t rows = 0;

    (void)state;
    mrl_retained_number(r, &rows);
    keep(r, "t/1", "one", "");
    keep(r, "t/2", "two", "");
    take_back(r, "t/1", replace(r, "t/1", "refused"));
    assert_true(mrl_retained_search(r, MRL_LIT("t/+"), (struct mrl_retained_span){1, 2}, 0, &b));
    assert_bytes_equal(b.found[0].publication->payload, MRL_LIT("two"));
    assert_int_equal(b.found[1].number, 1);
    assert_int_equal(b.found[1].place, 3);
    let_go(&b);
    mrl_retained_free(r);
}

static void a_message_stands_until_another_takes_its_place(void **state)
{
    struct mrl_retained *r = mrl_retained_new(10, 1 << 20);
    struct mrl_retained_one first, second, none;

    (void)state;
    assert_false(mrl_retained_find(r, MRL_LIT("t/1"), &first));
    keep_number(r, 1, "payload");
    assert_true(mrl_retained_find(r, MRL_LIT("t/1"), &first));
    keep_number(r, 1, "newer");
    assert_true(mrl_retained_find(r, MRL_LIT("t/1"), &second));
    assert_bytes_equal(first.publication->payload, MRL_LIT("payload"));
    assert_bytes_equal(second.publication->payload, MRL_LIT("newer"));
    assert_true(second.number > first.number);
    keep_number(r, 1, "");
    assert_false(mrl_retained_find(r, MRL_LIT("t/1"), &none));
    mrl_publication_unref(first.publication);
    mrl_publication_unref(second.publication);
    mrl_retained_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owner_may_keep_its_limit_and_not_one_more),
        cmocka_unit_test(bytes_are_counted_exactly),
        cmocka_unit_test(what_is_replaced_or_removed_counts_no_more),
        cmocka_unit_test(a_topic_that_changes_hands_counts_for_the_new_owner),
        cmocka_unit_test(what_another_one_had_makes_no_room),
        cmocka_unit_test(removing_always_fits),
        cmocka_unit_test(all_together_have_their_bytes_and_not_one_more),
        cmocka_unit_test(what_an_owner_has_and_what_is_below_a_filter_is_taken_and_nothing_else),
        cmocka_unit_test(no_more_is_taken_at_once_than_was_asked_for),
        cmocka_unit_test(a_portion_is_so_many_and_not_one_more),
        cmocka_unit_test(a_portion_has_so_many_bytes_or_is_one),
        cmocka_unit_test(a_search_sees_its_span_in_the_order_of_the_numbers),
        cmocka_unit_test(a_search_passes_so_many_nodes_and_not_one_more),
        cmocka_unit_test(a_search_passes_what_is_below_its_filter_only),
        cmocka_unit_test(a_walk_sees_what_was_there_and_still_is),
        cmocka_unit_test(a_walk_sees_what_was_taken_back),
        cmocka_unit_test(a_search_sees_what_was_taken_back_in_its_place),
        cmocka_unit_test(a_step_of_a_walk_looks_at_so_many_whatever_it_finds),
        cmocka_unit_test(a_message_stands_until_another_takes_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
