/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/client.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

enum { SHORT_MS = 60 };

struct pair {
    struct mrl_keys_client *client;
    int peer; /* where a key process would be; the tests play it */
};

static struct pair make_pair(void)
{
    struct pair p;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    assert_ok(mrl_keys_client_new(fds[0], 0, SHORT_MS, &p.client));
    p.peer = fds[1];
    return p;
}

static void end_pair(struct pair *p)
{
    mrl_keys_client_free(p->client);
    if (p->peer >= 0)
        assert_int_equal(close(p->peer), 0);
}

/* An answer that lies ready before the question is asked: ids count from 1. */
static void prepare(int peer, const struct mrl_keys_answer *a)
{
    uint8_t memory[512];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));

    assert_ok(mrl_keys_write_answer(a, &w));
    assert_int_equal(send(peer, memory, w.len, 0), w.len);
}

static void silence_is_a_timeout_and_not_longer(void **state)
{
    struct pair p = make_pair();
    struct mrl_why why = {0};
    uint64_t start = mrl_monotonic_ms();

    (void)state;
    assert_int_equal(mrl_keys_ping(p.client, &why), MRL_ERR_TIMEOUT);
    assert_true(mrl_monotonic_ms() - start >= SHORT_MS);
    assert_non_null(strstr(why.text, "in time"));
    end_pair(&p);
}

static void a_late_answer_is_not_taken_for_the_next_one(void **state)
{
    struct pair p = make_pair();
    const struct mrl_keys_answer late = {
        .id = 1, .type = MRL_KEYS_PING, .status = MRL_ERR_DENIED, .why = MRL_LIT("late")};
    const struct mrl_keys_answer right = {.id = 2, .type = MRL_KEYS_PING};

    (void)state;
    assert_int_equal(mrl_keys_ping(p.client, NULL), MRL_ERR_TIMEOUT);
    prepare(p.peer, &late);
    prepare(p.peer, &right);
    assert_ok(mrl_keys_ping(p.client, NULL));
    end_pair(&p);
}

static void the_end_of_the_other_side_is_closed_for_ever(void **state)
{
    struct pair p = make_pair();
    struct mrl_why why = {0};

    (void)state;
    assert_int_equal(close(p.peer), 0);
    p.peer = -1;
    assert_int_equal(mrl_keys_ping(p.client, &why), MRL_ERR_CLOSED);
    assert_non_null(strstr(why.text, "has ended"));
    assert_int_equal(mrl_keys_ping(p.client, NULL), MRL_ERR_CLOSED);
    end_pair(&p);
}

static void a_refusal_arrives_with_class_and_sentence(void **state)
{
    struct pair p = make_pair();
    const struct mrl_keys_answer a = {
        .id = 1, .type = MRL_KEYS_WRAP, .status = MRL_ERR_BUSY, .why = MRL_LIT("too many")};
    MRL_SCOPED(mrl_buf) sealed = {0};
    struct mrl_why why = {0};
    uint8_t key[MRL_KEYS_WRAPPED_SIZE] = {0};

    (void)state;
    prepare(p.peer, &a);
    assert_int_equal(
        mrl_keys_wrap(p.client, MRL_LIT("c"), mrl_bytes_of(key, sizeof(key)), &sealed, &why),
        MRL_ERR_BUSY);
    assert_string_equal(why.text, "key process: too many");
    assert_int_equal(sealed.len, 0);
    end_pair(&p);
}

static void bytes_that_are_no_answer_are_malformed(void **state)
{
    struct pair p = make_pair();

    (void)state;
    assert_int_equal(send(p.peer, "nonsense", 8, 0), 8);
    assert_int_equal(mrl_keys_ping(p.client, NULL), MRL_ERR_MALFORMED);
    end_pair(&p);
}

static void an_answer_to_another_question_is_malformed(void **state)
{
    struct pair p = make_pair();
    uint8_t key[MRL_KEYS_WRAPPED_SIZE] = {0};
    const struct mrl_keys_answer a = {
        .id = 1, .type = MRL_KEYS_UNWRAP, .bytes = mrl_bytes_of(key, sizeof(key))};

    (void)state;
    prepare(p.peer, &a);
    assert_int_equal(mrl_keys_ping(p.client, NULL), MRL_ERR_MALFORMED);
    end_pair(&p);
}

static void *ping_slowly(void *client)
{
    return mrl_keys_ping(client, NULL) == MRL_ERR_TIMEOUT ? client : NULL;
}

/* The first caller waits for an answer, the second for its turn: neither longer than its timeout.
 */
static void waiting_for_a_turn_counts_against_the_timeout(void **state)
{
    struct pair p = make_pair();
    uint64_t start = mrl_monotonic_ms();
    pthread_t other;
    void *timed_out;

    (void)state;
    assert_int_equal(pthread_create(&other, NULL, ping_slowly, p.client), 0);
    assert_int_equal(mrl_keys_ping(p.client, NULL), MRL_ERR_TIMEOUT);
    assert_int_equal(pthread_join(other, &timed_out), 0);
    assert_non_null(timed_out);
    assert_true(mrl_monotonic_ms() - start >= SHORT_MS);
    end_pair(&p);
}

static void a_request_above_the_largest_message_never_leaves(void **state)
{
    static const uint8_t large[MRL_KEYS_MESSAGE_MAX];
    struct pair p = make_pair();
    MRL_SCOPED(mrl_buf) sealed = {0};

    (void)state;
    assert_int_equal(mrl_keys_wrap(p.client, mrl_bytes_of(large, sizeof(large)),
                                   mrl_bytes_of(large, MRL_KEYS_WRAPPED_SIZE), &sealed, NULL),
                     MRL_ERR_LIMIT);
    assert_int_equal(recv(p.peer, (uint8_t[1]){0}, 1, MSG_DONTWAIT), -1);
    end_pair(&p);
}

static void a_value_out_of_its_limits_never_leaves(void **state)
{
    struct pair p = make_pair();
    uint8_t key[MRL_KEYS_WRAPPED_SIZE + 1] = {0};
    MRL_SCOPED(mrl_buf) sealed = {0};
    struct mrl_why why = {0};

    (void)state;
    assert_int_equal(
        mrl_keys_wrap(p.client, MRL_LIT("c"), mrl_bytes_of(key, sizeof(key)), &sealed, &why),
        MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "wrong size"));
    assert_int_equal(recv(p.peer, (uint8_t[1]){0}, 1, MSG_DONTWAIT), -1);
    end_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_a_timeout_and_not_longer),
        cmocka_unit_test(a_late_answer_is_not_taken_for_the_next_one),
        cmocka_unit_test(the_end_of_the_other_side_is_closed_for_ever),
        cmocka_unit_test(a_refusal_arrives_with_class_and_sentence),
        cmocka_unit_test(bytes_that_are_no_answer_are_malformed),
        cmocka_unit_test(an_answer_to_another_question_is_malformed),
        cmocka_unit_test(a_value_out_of_its_limits_never_leaves),
        cmocka_unit_test(waiting_for_a_turn_counts_against_the_timeout),
        cmocka_unit_test(a_request_above_the_largest_message_never_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
