/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/receipt.h"

#include "tests/unit/unit.h"

struct waiter {
    unsigned told;
    mrl_err result;
};

static void tell(void *context, mrl_err result)
{
    struct waiter *w = context;

    w->told++;
    w->result = result;
}

struct fixture {
    struct mrl_loop *loop;
    struct mrl_mailbox *mailbox;
};

static int set_up(void **state)
{
    static struct fixture f;

    assert_ok(mrl_loop_new(&f.loop));
    assert_ok(mrl_mailbox_new(f.loop, NULL, &f.mailbox));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    mrl_mailbox_free(f->mailbox);
    mrl_loop_free(f->loop);
    return 0;
}

static void turn(const struct fixture *f)
{
    assert_ok(mrl_loop_turn(f->loop, 0));
}

static void it_waits_for_every_part(void **state)
{
    const struct fixture *f = *state;
    struct waiter w = {0};
    struct mrl_receipt *r = mrl_receipt_new(f->mailbox);
    struct mrl_receipt *first = mrl_receipt_hold(r), *second = mrl_receipt_hold(r);

    mrl_receipt_let_go(first, MRL_OK); /* before anybody listens */
    mrl_receipt_then(r, tell, &w);
    turn(f);
    assert_int_equal(w.told, 0);
    mrl_receipt_let_go(second, MRL_OK);
    assert_int_equal(w.told, 0); /* on its worker, not here */
    turn(f);
    assert_int_equal(w.told, 1);
    assert_int_equal(w.result, MRL_OK);
}

static void the_first_error_stays(void **state)
{
    const struct fixture *f = *state;
    struct waiter w = {0};
    struct mrl_receipt *r = mrl_receipt_new(f->mailbox);
    struct mrl_receipt *parts[] = {mrl_receipt_hold(r), mrl_receipt_hold(r), mrl_receipt_hold(r)};

    mrl_receipt_then(r, tell, &w);
    mrl_receipt_let_go(parts[0], MRL_OK);
    mrl_receipt_let_go(parts[1], MRL_ERR_NO_SPACE);
    mrl_receipt_let_go(parts[2], MRL_ERR_IO);
    turn(f);
    assert_int_equal(w.result, MRL_ERR_NO_SPACE);
}

static void nobody_needs_to_listen_and_nothing_is_no_receipt(void **state)
{
    const struct fixture *f = *state;

    mrl_receipt_then(mrl_receipt_new(f->mailbox), NULL, NULL);
    mrl_receipt_let_go(NULL, MRL_OK);
    turn(f);
}

static void a_mailbox_that_goes_first_says_so(void **state)
{
    struct fixture *f = *state;
    struct waiter w = {0};

    mrl_receipt_then(mrl_receipt_new(f->mailbox), tell, &w);
    assert_true(mrl_mailbox_discard(f->mailbox));
    assert_int_equal(w.told, 1);
    assert_int_equal(w.result, MRL_ERR_CLOSED);
    assert_false(mrl_mailbox_discard(f->mailbox));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_waits_for_every_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_error_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_needs_to_listen_and_nothing_is_no_receipt, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_mailbox_that_goes_first_says_so, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
