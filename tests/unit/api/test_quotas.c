/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/api/fixture.h"

static void limits_are_given_shown_listed_and_taken_back(void **state)
{
    struct fixture *f = *state;
    struct reply r = expect(f, 200, "PATCH", "/v1/quotas/group:pumps",
                            "{\"messages\":\"10/s\",\"queue_bytes\":\"64KiB\",\"sessions\":2}");

    assert_non_null(
        strstr(r.body, "\"given\":{\"messages\":10,\"queue_bytes\":65536,\"sessions\":2}"));
    assert_non_null(strstr(r.body, "\"queue\":1000,\"queue_bytes\":65536,"));
    reply_done(&r);
    r = expect(f, 200, "GET", "/v1/quotas", NULL);
    assert_non_null(strstr(r.body, "\"target\":\"group:pumps\""));
    reply_done(&r);
    r = expect(f, 200, "PATCH", "/v1/quotas/group:pumps", "{\"messages\":null}");
    assert_non_null(strstr(r.body, "\"given\":{\"queue_bytes\":65536,\"sessions\":2}"));
    reply_done(&r);
    expect_only(f, 204, "DELETE", "/v1/quotas/group:pumps", NULL);
    expect_only(f, 404, "DELETE", "/v1/quotas/group:pumps", NULL);
    r = expect(f, 200, "GET", "/v1/quotas/group:pumps", NULL);
    assert_non_null(strstr(r.body, "\"given\":{}"));
    reply_done(&r);
    assert_int_equal(audited(f->api.store, "quota.", NULL), 3);
}

static void a_device_shows_what_it_has_from_its_group(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"pump-7\",\"group\":\"pumps\"}");
    expect_only(f, 200, "PATCH", "/v1/quotas/group:pumps", "{\"messages\":10,\"queue\":5}");
    expect_only(f, 200, "PATCH", "/v1/quotas/device:pump-7", "{\"messages\":3}");
    r = expect(f, 200, "GET", "/v1/quotas/device:pump-7", NULL);
    assert_non_null(strstr(r.body, "\"given\":{\"messages\":3}"));
    assert_non_null(strstr(r.body, "\"messages\":3,\"packet\":"));
    assert_non_null(strstr(r.body, "\"queue\":5,"));
    reply_done(&r);
}

static void what_is_no_limit_is_refused(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "{\"speed\":1}",
        "{\"messages\":-1}",
        "{\"messages\":1.5}",
        "{\"messages\":true}",
        "{\"messages\":\"fast\"}",
        "{\"in_flight\":0}",
        "{\"in_flight\":65536}",
        "{\"in_flight\":\"unlimited\"}",
        "{\"packet\":\"127\"}",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < MRL_COUNT(bodies); i++)
        expect_only(f, 400, "PATCH", "/v1/quotas/device:pump-7", bodies[i]);
    expect_only(f, 400, "PATCH", "/v1/quotas/pump-7", "{\"messages\":1}");
    expect_only(f, 400, "GET", "/v1/quotas/operator:ann", NULL);
    assert_int_equal(audited(f->api.store, "quota.", NULL), 0);
}

static void the_ends_of_a_limit_are_taken(void **state)
{
    struct fixture *f = *state;

    expect_only(f, 200, "PATCH", "/v1/quotas/device:pump-7", "{\"in_flight\":1}");
    expect_only(f, 200, "PATCH", "/v1/quotas/device:pump-7", "{\"in_flight\":65535}");
    expect_only(f, 200, "PATCH", "/v1/quotas/device:pump-7", "{\"packet\":\"128\"}");
    expect_only(f, 200, "PATCH", "/v1/quotas/device:pump-7", "{\"messages\":\"unlimited\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(limits_are_given_shown_listed_and_taken_back),
        WITH_API(a_device_shows_what_it_has_from_its_group),
        WITH_API(what_is_no_limit_is_refused),
        WITH_API(the_ends_of_a_limit_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
