/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/audience.h"

#include "tests/unit/devices/fixture.h"

static const struct mrl_level id = {MRL_LEVEL_ID, MRL_LIT_INIT("${id}")},
                              group = {MRL_LEVEL_GROUP, MRL_LIT_INIT("${group}")},
                              site = {MRL_LEVEL_ATTRIBUTE, MRL_LIT_INIT("site")},
                              floor_ = {MRL_LEVEL_ATTRIBUTE, MRL_LIT_INIT("floor")};

static bool has(struct fixture *f, const char *target, const struct mrl_level *variable)
{
    struct mrl_role_target t;
    bool answer = false;

    assert_ok(mrl_role_target_parse(mrl_str(target), &t, NULL));
    assert_ok(mrl_audience_has(f->registry, &t, variable, &answer));
    return answer;
}

static void add_with(struct fixture *f, const char *device, const char *of, const char *attributes)
{
    const struct mrl_device_new d = {
        .id = mrl_str(device), .group = mrl_str(of), .attributes = mrl_str(attributes)};

    assert_ok(mrl_device_add(f->registry, &admin, &d, NULL));
}

static void a_device_has_what_its_record_says(void **state)
{
    struct fixture *f = *state;

    add_with(f, "d1", "north", "site=berlin");
    add_with(f, "d2", "", "");
    assert_true(has(f, "device:d1", NULL));
    assert_true(has(f, "device:d1", &id));
    assert_true(has(f, "device:d1", &group));
    assert_true(has(f, "device:d1", &site));
    assert_false(has(f, "device:d1", &floor_));
    assert_true(has(f, "device:d2", NULL));
    assert_false(has(f, "device:d2", &group));
    assert_false(has(f, "device:d2", &site));
    assert_false(has(f, "device:d3", NULL));
    assert_false(has(f, "device:d3", &id));
}

static void one_device_of_a_group_is_enough(void **state)
{
    struct fixture *f = *state;

    add_with(f, "d1", "north", "");
    add_with(f, "d2", "north", "site=berlin");
    add_with(f, "d3", "south", "");
    assert_true(has(f, "group:north", NULL));
    assert_true(has(f, "group:north", &group));
    assert_true(has(f, "group:north", &site));
    assert_false(has(f, "group:north", &floor_));
    assert_true(has(f, "group:south", NULL));
    assert_false(has(f, "group:south", &site));
    assert_false(has(f, "group:east", NULL));
}

static void the_retired_do_not_count(void **state)
{
    struct fixture *f = *state;

    add_with(f, "d1", "north", "site=berlin");
    assert_ok(mrl_device_change(f->registry, &admin, MRL_LIT("d1"), MRL_DEVICE_RETIRE,
                                MRL_BYTES_NONE, NULL));
    assert_false(has(f, "device:d1", NULL));
    assert_false(has(f, "group:north", NULL));
    assert_false(has(f, "group:north", &site));
}

static void an_application_has_its_name_only(void **state)
{
    struct fixture *f = *state;

    assert_ok(mrl_account_add(f->registry, &admin, MRL_PRINCIPAL_APPLICATION, MRL_LIT("grafana"), 0,
                              MRL_BYTES_NONE, NULL));
    assert_true(has(f, "application:grafana", NULL));
    assert_true(has(f, "application:grafana", &id));
    assert_false(has(f, "application:grafana", &group));
    assert_false(has(f, "application:grafana", &site));
    assert_false(has(f, "application:other", NULL));
    assert_false(has(f, "device:grafana", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(a_device_has_what_its_record_says),
        WITH_REGISTRY(one_device_of_a_group_is_enough),
        WITH_REGISTRY(the_retired_do_not_count),
        WITH_REGISTRY(an_application_has_its_name_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
