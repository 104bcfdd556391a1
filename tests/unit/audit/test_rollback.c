/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/rollback.h"

#include "audit/publish.h"
#include "audit/verify.h"
#include "tests/unit/audit/signed_fixture.h"

static const struct mrl_audit_event accepted = {.action = MRL_AUDIT_AUDIT_ROLLBACK_ACCEPTED,
                                                .actor.kind = MRL_ACTOR_SYSTEM,
                                                .reason = MRL_LIT_INIT("drill")};

struct file {
    char path[128], aside[160];
};

static struct file file_of(const struct signed_log *l)
{
    struct file f;

    (void)snprintf(f.path, sizeof(f.path), "%s/audit.checkpoint", l->place.folder);
    (void)snprintf(f.aside, sizeof(f.aside), "%s.superseded", f.path);
    return f;
}

static void forget(const struct file *f)
{
    (void)unlink(f->path);
    (void)unlink(f->aside);
}

static mrl_err read_checkpoint(struct mrl_tx *tx, void *context)
{
    return mrl_audit_publish_checkpoint(tx, context);
}

static void remember(struct signed_log *l, const struct file *f)
{
    MRL_SCOPED(mrl_buf) note = {0};

    assert_ok(mrl_store_read(l->store, read_checkpoint, &note));
    assert_ok(mrl_audit_remember(f->path, mrl_buf_bytes(&note), NULL));
}

static void assert_found(struct signed_log *l, const struct file *f, const char *says)
{
    struct mrl_why why = {""};

    assert_int_equal(mrl_audit_check_start(l->audit, f->path, &why), MRL_ERR_CORRUPT);
    if (strstr(why.text, says) == NULL || strstr(why.text, "--accept-rollback") == NULL)
        fail_msg("%s", why.text);
}

static void a_log_as_it_was_starts(void **state)
{
    struct signed_log *l = *state;
    struct file f = file_of(l);

    assert_ok(mrl_audit_check_start(l->audit, f.path, NULL)); /* empty, and nothing is known */
    signed_grow(l, 600);
    signed_checkpoint(l);
    remember(l, &f);
    assert_ok(mrl_audit_check_start(l->audit, f.path, NULL));
    signed_grow(l, 600);
    signed_checkpoint(l);
    assert_ok(mrl_audit_check_start(l->audit, f.path, NULL));
    forget(&f);
}

static void a_cut_tail_is_found_and_may_be_accepted(void **state)
{
    struct signed_log *l = *state;
    struct file f = file_of(l);

    signed_grow(l, 600);
    signed_checkpoint(l);
    remember(l, &f);
    signed_exec(l, "DELETE FROM audit_entries WHERE seq > 500");
    assert_found(l, &f, "the log has 500 entries, but 600 were signed");
    assert_ok(mrl_audit_accept_rollback(l->audit, f.path, &accepted, NULL));
    assert_ok(mrl_audit_check_start(l->audit, f.path, NULL));
    assert_int_equal(access(f.aside, F_OK), 0);
    assert_int_equal(signed_number(l, "SELECT COUNT(*) FROM audit_entries WHERE json LIKE"
                                      " '%audit.rollback_accepted%\"had\":600,\"has\":500%drill%'"),
                     1);
    forget(&f);
}

static void an_older_database_is_found(void **state)
{
    struct signed_log *l = *state;
    struct file f = file_of(l);

    signed_grow(l, 600);
    signed_checkpoint(l);
    remember(l, &f);
    signed_exec(l, "DELETE FROM audit_entries WHERE seq > 300");
    signed_exec(l, "DELETE FROM audit_checkpoints");
    assert_found(l, &f, "the log has 300 entries, but 600 were signed");
    forget(&f);
}

/* An older database that went on until it was as long again. */
static void another_history_of_that_length_is_found(void **state)
{
    struct signed_log *l = *state;
    struct file f = file_of(l);

    signed_grow(l, 300);
    signed_checkpoint(l);
    remember(l, &f);
    signed_exec(l, "DELETE FROM audit_entries");
    signed_exec(l, "DELETE FROM audit_checkpoints");
    signed_exec(l, "DELETE FROM audit_tiles");
    signed_close(l);
    signed_open(l);
    l->signed_last = 0;
    signed_grow(l, 299);
    signed_add(l, &accepted, 1);
    signed_checkpoint(l);
    assert_found(l, &f, "other entries than when checkpoint 300 was signed");
    forget(&f);
}

/* Without checkpoints in the store the key process would sign anything as the first one. */
static void checkpoints_that_were_taken_out_are_found(void **state)
{
    struct signed_log *l = *state;
    struct file f = file_of(l);

    signed_grow(l, 600);
    signed_checkpoint(l);
    remember(l, &f);
    signed_exec(l, "DELETE FROM audit_checkpoints");
    assert_found(l, &f, "is over 0 entries, but 600 were signed: checkpoints were taken out");
    assert_ok(mrl_audit_accept_rollback(l->audit, f.path, &accepted, NULL));
    assert_ok(mrl_audit_check_start(l->audit, f.path, NULL));
    forget(&f);
}

static void a_file_that_is_no_checkpoint_is_told(void **state)
{
    struct signed_log *l = *state;
    struct file f = file_of(l);
    struct mrl_why why = {""};

    assert_ok(mrl_audit_remember(f.path, MRL_LIT("nonsense"), NULL));
    assert_int_equal(mrl_audit_check_start(l->audit, f.path, &why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, "is no checkpoint of this log"));
    forget(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_LOG(name) cmocka_unit_test_setup_teardown(name, signed_setup, signed_teardown)
        WITH_LOG(a_log_as_it_was_starts),
        WITH_LOG(a_cut_tail_is_found_and_may_be_accepted),
        WITH_LOG(an_older_database_is_found),
        WITH_LOG(another_history_of_that_length_is_found),
        WITH_LOG(checkpoints_that_were_taken_out_are_found),
        WITH_LOG(a_file_that_is_no_checkpoint_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
