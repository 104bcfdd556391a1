/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/inventory.h"

#include "tests/unit/devices/fixture.h"

/* Ends at not_after. */
static void has_one(struct fixture *f, const char *id, unsigned number, int64_t not_after)
{
    struct fake_cert c;

    fake_cert(&c, MRL_PRINCIPAL_DEVICE, id, number);
    c.it.not_after = not_after;
    assert_ok(enrol(f, &c.it));
}

struct seen {
    struct mrl_buf text;
    struct mrl_inventory_place last;
    size_t count;
};

static void see(void *context, const struct mrl_inventory_item *item)
{
    struct seen *s = context;

    s->count++;
    s->last.not_after = item->credential.not_after;
    s->last.fingerprint = item->credential.fingerprint;
    assert_ok(mrl_buf_printf(&s->text, "%.*s:%d%s ", MRL_FMT(item->credential.id),
                             (int)item->credential.not_after, item->renewed ? "r" : ""));
}

static void assert_lists(struct fixture *f, const struct mrl_inventory_query *query,
                         const char *wanted)
{
    struct seen s = {.count = 0};

    assert_ok(mrl_inventory_list(f->store, query, see, &s, NULL));
    assert_bytes_equal(mrl_buf_bytes(&s.text), mrl_str(wanted));
    mrl_buf_done(&s.text);
}

static void fill(struct fixture *f)
{
    add(f, "a", "north");
    add(f, "b", "south");
    has_one(f, "a", 1, 3000);
    has_one(f, "a", 2, 5000);
    has_one(f, "b", 1, 2000);
}

static void the_first_to_end_comes_first_and_says_whether_it_is_renewed(void **state)
{
    struct fixture *f = *state;
    struct mrl_inventory_query query = {.kind = MRL_PRINCIPAL_DEVICE, .limit = 10};

    fill(f);
    assert_lists(f, &query, "b:2000 a:3000r a:5000 ");
    query.group = MRL_LIT("north");
    assert_lists(f, &query, "a:3000r a:5000 ");
    query.kind = MRL_PRINCIPAL_APPLICATION;
    query.group = MRL_BYTES_NONE;
    assert_lists(f, &query, "");
}

static void both_ends_are_left_out(void **state)
{
    struct fixture *f = *state;
    struct mrl_inventory_query query = {
        .kind = MRL_PRINCIPAL_DEVICE, .ends_after = 1999, .ends_before = 3001, .limit = 10};

    fill(f);
    assert_lists(f, &query, "b:2000 a:3000r ");
    query.ends_after = 2000;
    assert_lists(f, &query, "a:3000r ");
    query.ends_before = 3000;
    assert_lists(f, &query, "");
}

static void what_is_revoked_is_listed_as_that(void **state)
{
    struct fixture *f = *state;
    struct mrl_inventory_query query = {.kind = MRL_PRINCIPAL_DEVICE, .limit = 10};

    fill(f);
    assert_ok(change(f, "a", MRL_DEVICE_RETIRE));
    assert_lists(f, &query, "b:2000 ");
    query.state = MRL_CREDENTIAL_REVOKED;
    assert_lists(f, &query, "a:3000 a:5000 ");
}

static void pages_of_any_size_have_each_once(void **state)
{
    struct fixture *f = *state;
    struct mrl_inventory_query query = {.kind = MRL_PRINCIPAL_DEVICE};

    for (unsigned i = 0; i < 12; i++) {
        char id[8];

        (void)snprintf(id, sizeof(id), "d%u", i);
        add(f, id, "");
        has_one(f, id, i, 2000 + i / 4); /* four end in one second */
    }
    for (query.limit = 1; query.limit <= 13; query.limit++) {
        struct seen s = {.count = 0};
        size_t before;

        do {
            before = s.count;
            query.after = s.last;
            assert_ok(mrl_inventory_list(f->store, &query, see, &s, NULL));
        } while (s.count > before);
        assert_int_equal(s.count, 12);
        for (unsigned i = 0; i < 12; i++) {
            char one[24];

            (void)snprintf(one, sizeof(one), "d%u:%u ", i, 2000 + i / 4);
            assert_non_null(strstr((const char *)s.text.data, one));
        }
        mrl_buf_done(&s.text);
    }
}

static void a_page_has_a_limit_and_only_devices_have_groups(void **state)
{
    struct fixture *f = *state;
    struct mrl_inventory_query query = {.kind = MRL_PRINCIPAL_DEVICE};
    struct seen s = {.count = 0};

    assert_int_equal(mrl_inventory_list(f->store, &query, see, &s, NULL), MRL_ERR_INVALID);
    query.limit = MRL_INVENTORY_PAGE_MAX + 1;
    assert_int_equal(mrl_inventory_list(f->store, &query, see, &s, NULL), MRL_ERR_INVALID);
    query.limit = MRL_INVENTORY_PAGE_MAX;
    assert_ok(mrl_inventory_list(f->store, &query, see, &s, NULL));
    query.kind = MRL_PRINCIPAL_OPERATOR;
    query.group = MRL_LIT("g");
    assert_int_equal(mrl_inventory_list(f->store, &query, see, &s, NULL), MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(the_first_to_end_comes_first_and_says_whether_it_is_renewed),
        WITH_REGISTRY(both_ends_are_left_out),
        WITH_REGISTRY(what_is_revoked_is_listed_as_that),
        WITH_REGISTRY(pages_of_any_size_have_each_once),
        WITH_REGISTRY(a_page_has_a_limit_and_only_devices_have_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
