/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/journal.h"

#include "tests/unit/messages/keep_fixture.h"

struct writing {
    struct mrl_write write;
    struct mrl_ledger *ledger;
    struct mrl_list ops;
};

static mrl_err run(struct mrl_tx *tx, struct mrl_write *w)
{
    struct writing *job = MRL_CONTAINER(w, struct writing, write);

    return mrl_journal_write(tx, job->ledger, &job->ops);
}

/* A row of the session "b", as a journal would bring it. */
static void write_row(struct fixture *f, int64_t row, int64_t version, uint32_t expiry_s)
{
    struct writing job = {.write = {.run = run}, .ledger = f->ledger};
    struct mrl_op *op = mrl_op_new(MRL_OP_SESSION, MRL_LIT("ownerb"));

    op->session = row;
    op->row =
        (struct mrl_session_row){.version = version, .principal_len = 5, .expiry_s = expiry_s};
    mrl_list_init(&job.ops);
    mrl_list_add(&job.ops, &op->link);
    assert_ok(mrl_store_write(f->store, &job.write));
    mrl_ops_free(&job.ops);
}

static mrl_err read_expiry(struct mrl_tx *tx, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT expiry FROM mqtt_sessions", MRL_NO_ARGS, &rows));
    *(int64_t *)context = mrl_row_int(rows, 0);
    return MRL_OK;
}

static void assert_expiry(const struct fixture *f, int64_t wanted)
{
    int64_t expiry = 0;

    assert_ok(mrl_store_read(f->store, read_expiry, &expiry));
    assert_int_equal(expiry, wanted);
}

static void a_row_that_comes_late_brings_back_no_older_state(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    int64_t row, version;

    attach(f, "b", 60, &d);
    settle(f);
    row = d.session->row;
    version = d.session->row_version;
    write_row(f, row, version + 2, 50);
    assert_expiry(f, 50);
    write_row(f, row, version + 1, 40);
    assert_expiry(f, 50);
    write_row(f, row, version + 3, 30);
    assert_expiry(f, 30);
}

static void a_row_that_comes_after_the_end_brings_back_no_session(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    int64_t row;

    attach(f, "b", 60, &d);
    settle(f);
    row = d.session->row;
    mrl_session_end(d.session);
    settle(f);
    assert_rows(f, "0 0 0 0 0 0");
    write_row(f, row, 100, 40);
    assert_rows(f, "0 0 0 0 0 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_row_that_comes_late_brings_back_no_older_state),
        CASE(a_row_that_comes_after_the_end_brings_back_no_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
