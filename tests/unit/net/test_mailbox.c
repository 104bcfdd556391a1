/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "net/mailbox.h"
#include "tests/unit/unit.h"

enum { POSTERS = 4, EACH = 5000 };

struct letter {
    struct mrl_message message;
    unsigned poster;
    unsigned number;
};
struct desk {
    struct mrl_loop *loop;
    unsigned next[POSTERS];
    unsigned wrong;
    unsigned total;
};
static unsigned dropped;

static void handle(struct mrl_message *m, void *owner)
{
    struct letter *l = MRL_CONTAINER(m, struct letter, message);
    struct desk *d = owner;

    d->wrong += d->next[l->poster] != l->number;
    d->next[l->poster] = l->number + 1;
    if (++d->total == POSTERS * EACH)
        mrl_loop_stop(d->loop);
    free(l);
}

static void drop(struct mrl_message *m)
{
    dropped++;
    free(MRL_CONTAINER(m, struct letter, message));
}

static void post(struct mrl_mailbox *box, unsigned poster, unsigned number)
{
    struct letter *l = calloc(1, sizeof(*l));

    if (l == NULL)
        abort();
    l->message.handle = handle;
    l->message.drop = drop;
    l->poster = poster;
    l->number = number;
    mrl_mailbox_post(box, &l->message);
}

struct poster {
    pthread_t thread;
    struct mrl_mailbox *box;
    unsigned number;
};

static void *post_all(void *argument)
{
    struct poster *p = argument;

    for (unsigned i = 0; i < EACH; i++)
        post(p->box, p->number, i);
    return NULL;
}

static void four_threads_post_and_nothing_is_lost_or_out_of_order(void **state)
{
    struct poster posters[POSTERS];
    struct mrl_mailbox *box = NULL;
    struct desk desk = {0};

    (void)state;
    assert_ok(mrl_loop_new(&desk.loop));
    assert_ok(mrl_mailbox_new(desk.loop, &desk, &box));
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.box = box, .number = i};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    }
    assert_ok(mrl_loop_run(desk.loop));
    for (unsigned i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_join(posters[i].thread, NULL), 0);
    assert_int_equal(desk.total, POSTERS * EACH);
    assert_int_equal(desk.wrong, 0);
    mrl_mailbox_free(box);
    mrl_loop_free(desk.loop);
}

static void what_is_left_is_dropped(void **state)
{
    struct mrl_mailbox *box = NULL;
    struct desk desk = {0};

    (void)state;
    assert_ok(mrl_loop_new(&desk.loop));
    assert_ok(mrl_mailbox_new(desk.loop, &desk, &box));
    dropped = 0;
    post(box, 0, 0);
    assert_ok(mrl_loop_turn(desk.loop, 100));
    post(box, 0, 1);
    post(box, 0, 2);
    mrl_mailbox_free(box);
    assert_int_equal(desk.total, 1);
    assert_int_equal(dropped, 2);
    mrl_loop_free(desk.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_threads_post_and_nothing_is_lost_or_out_of_order),
        cmocka_unit_test(what_is_left_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
