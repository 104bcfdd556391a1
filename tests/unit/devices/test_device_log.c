/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/device_log.h"

#include "audit/read.h"
#include "tests/unit/devices/fixture.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static int set_up_with_logs(void **state)
{
    duties_more = &mrl_device_log_migrations;
    return set_up(state);
}

static mrl_err run_nothing(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)tx;
    (void)w;
    return MRL_OK;
}

/* Tells a head and waits until it is in the store. */
static void tell(struct fixture *f, const char *device, const char *json)
{
    const struct mrl_audit_event who = {.actor = {.kind = MRL_ACTOR_DEVICE, .id = mrl_str(device)},
                                        .target = mrl_str(device)};
    struct mrl_write behind = {.run = run_nothing};
    struct mrl_device_log_head head;

    assert_ok(mrl_device_log_read(mrl_str(json), &head));
    mrl_device_log_anchor(f->registry, &who, &head);
    assert_ok(mrl_store_write(f->store, &behind));
}

static mrl_err keep_json(void *context, const struct mrl_audit_row *row)
{
    MRL_TRY(mrl_buf_append(context, row->json));
    return mrl_buf_append(context, MRL_LIT("\n"));
}

static mrl_err read_entries(struct mrl_tx *tx, void *context)
{
    const struct mrl_audit_filter f = {.action_prefix = MRL_LIT("device.log_"), .limit = 100};

    return mrl_audit_list(tx, &f, keep_json, context);
}

static void entries(struct fixture *f, struct mrl_buf *out)
{
    assert_ok(mrl_store_read(f->store, read_entries, out));
    assert_ok(mrl_buf_append(out, mrl_bytes_of("", 1)));
}

static unsigned count(const struct mrl_buf *text, const char *what)
{
    unsigned found = 0;

    for (const char *at = (const char *)text->data; (at = strstr(at, what)) != NULL; at++)
        found++;
    return found;
}

static void a_head_that_grows_is_anchored_once(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};

    tell(*state, "d1", "{\"hash\":\"" HASH_A "\",\"seq\":7}");
    tell(*state, "d1", "{\"hash\":\"" HASH_A "\",\"seq\":7}");
    tell(*state, "d2", "{\"hash\":\"" HASH_B "\",\"seq\":1}");
    tell(*state, "d1", "{\"hash\":\"" HASH_B "\",\"seq\":8}");
    entries(*state, &text);
    assert_int_equal(count(&text, "\"device.log_anchored\""), 3);
    assert_int_equal(count(&text, "\"device.log_rolled_back\""), 0);
    assert_int_equal(count(&text, "\"details\":{\"device_hash\":\"" HASH_B "\",\"device_seq\":8}"),
                     1);
}

static void a_head_that_goes_back_or_changes_is_an_alarm_and_moves_nothing(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};

    tell(*state, "d1", "{\"hash\":\"" HASH_A "\",\"seq\":7}");
    tell(*state, "d1", "{\"hash\":\"" HASH_B "\",\"seq\":6}");
    tell(*state, "d1", "{\"hash\":\"" HASH_B "\",\"seq\":7}");
    entries(*state, &text);
    assert_int_equal(count(&text, "\"device.log_anchored\""), 1);
    assert_int_equal(count(&text, "\"device.log_rolled_back\""), 2);
    assert_int_equal(count(&text, "\"details\":{\"anchored_hash\":\"" HASH_A
                                  "\",\"anchored_seq\":7,\"device_hash\":\"" HASH_B
                                  "\",\"device_seq\":6}"),
                     1);
    assert_int_equal(count(&text, "\"outcome\":\"failed\""), 2);
}

static void assert_refused(const char *json)
{
    struct mrl_device_log_head head;

    assert_int_not_equal(mrl_device_log_read(mrl_str(json), &head), MRL_OK);
}

static void what_is_no_head_is_refused(void **state)
{
    char longest[MRL_DEVICE_LOG_HEAD_MAX + 2];
    struct mrl_device_log_head head;

    (void)state;
    assert_refused("");
    assert_refused("{}");
    assert_refused("[]");
    assert_refused("{\"hash\":\"" HASH_A "\",\"seq\":0}");
    assert_refused("{\"hash\":\"" HASH_A "\",\"seq\":-1}");
    assert_refused("{\"hash\":\"" HASH_A "\",\"seq\":\"1\"}");
    assert_refused("{\"hash\":\"" HASH_A "a\",\"seq\":1}");
    assert_refused("{\"hash\":\"\",\"seq\":1}");
    (void)snprintf(longest, sizeof(longest), "{\"hash\":\"" HASH_A "\",\"seq\":1}%*s",
                   MRL_DEVICE_LOG_HEAD_MAX - 83 + 1, "");
    assert_int_equal(strlen(longest), MRL_DEVICE_LOG_HEAD_MAX + 1);
    assert_int_equal(mrl_device_log_read(mrl_str(longest), &head), MRL_ERR_LIMIT);
    longest[MRL_DEVICE_LOG_HEAD_MAX] = '\0';
    assert_ok(mrl_device_log_read(mrl_str(longest), &head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_head_that_grows_is_anchored_once, set_up_with_logs,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            a_head_that_goes_back_or_changes_is_an_alarm_and_moves_nothing, set_up_with_logs,
            tear_down),
        cmocka_unit_test(what_is_no_head_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
