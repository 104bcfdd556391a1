/* SPDX-License-Identifier: Apache-2.0 */
/* Retained messages, seen by the sessions that subscribe. */
#include "base/clock.h"
#include "tests/unit/messages/session_fixture.h"

static void retained_messages_are_kept_replaced_and_removed(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication m = {.topic = MRL_LIT("r/1"), .payload = MRL_LIT("old"), .retain = true};
    struct door d = {0};

    assert_ok(publish_as(f->hubs[1], &m, NULL));
    m.payload = MRL_LIT("new");
    assert_ok(publish_as(f->hubs[1], &m, NULL));
    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "r/+", 1, 0);
    mrl_session_send_retained(d.session, MRL_LIT("r/+"));
    assert_saw(&d, "P0-r 0 r/1 new;");
    for (int i = 2; i <= 3; i++) {
        m.topic = i == 2 ? MRL_LIT("r/2") : MRL_LIT("r/3");
        assert_ok(publish_as(f->hubs[0], &m, NULL));
    }
    assert_saw(&d, "P0-- 0 r/2 new;P0-- 0 r/3 new;");
    m.topic = MRL_LIT("r/4");
    assert_int_equal(publish_as(f->hubs[0], &m, NULL), MRL_ERR_LIMIT);
    m.topic = MRL_LIT("r/1");
    m.payload = MRL_BYTES_NONE;
    assert_ok(publish_as(f->hubs[0], &m, NULL));
    assert_int_equal(mrl_retained_count(f->retained), 2);
    done(&d);
}

static void an_expired_retained_message_leaves_its_place(void **state)
{
    struct fixture *f = *state;
    const uint64_t now = mrl_monotonic_ms();
    struct mrl_publication m = {.payload = MRL_LIT("x"), .retain = true};
    struct mrl_retained_change gone[4];
    static const char *const topics[] = {"r/1", "r/2", "r/3"};

    for (uint64_t i = 0; i < 3; i++) {
        m.topic = mrl_str(topics[i]);
        m.expires_ms = i == 2 ? 0 : now + 100000 * (i + 1);
        assert_ok(publish_as(f->hubs[0], &m, NULL));
    }
    assert_int_equal(mrl_retained_expire(f->retained, now + 99000, 0, gone, 4), 0);
    assert_int_equal(mrl_retained_expire(f->retained, now + 101000, 0, gone, 4), 1);
    assert_bytes_equal(gone[0].previous->topic, MRL_LIT("r/1"));
    mrl_publication_unref(gone[0].previous);
    m.topic = MRL_LIT("r/4"); /* there were three places */
    m.expires_ms = now + 200000;
    assert_ok(publish_as(f->hubs[0], &m, NULL));
    m.topic = MRL_LIT("r/2"); /* a newer one takes the place, and expires when it says */
    m.expires_ms = now + 400000;
    assert_ok(publish_as(f->hubs[0], &m, NULL));
    assert_int_equal(mrl_retained_expire(f->retained, now + 300000, 0, gone, 4), 1);
    assert_bytes_equal(gone[0].previous->topic, MRL_LIT("r/4"));
    mrl_publication_unref(gone[0].previous);
    assert_int_equal(mrl_retained_count(f->retained), 2);
}

static void expired_ones_go_a_few_at_a_time(void **state)
{
    struct fixture *f = *state;
    const uint64_t now = mrl_monotonic_ms();
    struct mrl_publication m = {.payload = MRL_LIT("x"), .retain = true, .expires_ms = now + 1000};
    struct mrl_retained_change gone[2];
    static const char *const topics[] = {"r/1", "r/2", "r/3"};

    for (int i = 0; i < 3; i++) {
        m.topic = mrl_str(topics[i]);
        assert_ok(publish_as(f->hubs[0], &m, NULL));
    }
    assert_int_equal(mrl_retained_expire(f->retained, now + 9000, 0, gone, 2), 2);
    mrl_publication_unref(gone[0].previous);
    mrl_publication_unref(gone[1].previous);
    assert_int_equal(mrl_retained_expire(f->retained, now + 9000, 0, gone, 2), 1);
    mrl_publication_unref(gone[0].previous);
    assert_int_equal(mrl_retained_count(f->retained), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(retained_messages_are_kept_replaced_and_removed),
        CASE(an_expired_retained_message_leaves_its_place),
        CASE(expired_ones_go_a_few_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
