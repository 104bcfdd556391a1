/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/witness.h"

#include "audit/publish.h"
#include "tests/unit/audit/witness_fixture.h"

enum { TWO = 2, LATE_S = 60 };

struct scene {
    struct signed_log *log;
    struct test_witness at[TWO];
    struct mrl_witnesses *all;
};

static void open_witnesses(struct scene *s)
{
    const struct mrl_witness_address addresses[TWO] = {
        {mrl_str(s->at[0].vkey), MRL_LIT("unix:/a")}, {mrl_str(s->at[1].vkey), MRL_LIT("unix:/b")}};
    const struct mrl_witnesses_options o = {addresses, TWO, LATE_S, test_witness_post, s->at};

    assert_ok(mrl_witnesses_new(s->log->audit, &o, &s->all, NULL));
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    void *log = NULL;

    assert_non_null(s);
    assert_int_equal(signed_setup(&log), 0);
    s->log = log;
    test_witness_make(&s->at[0], "a.example/w");
    test_witness_make(&s->at[1], "b.example/w");
    open_witnesses(s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    void *log = s->log;

    mrl_witnesses_free(s->all);
    assert_int_equal(signed_teardown(&log), 0);
    test_witness_done(&s->at[0]);
    test_witness_done(&s->at[1]);
    free(s);
    return 0;
}

/* Entries as old as they say, in ms. */
static void grow(struct scene *s, size_t count, int64_t ago_ms)
{
    for (size_t i = 0; i < count; i++)
        signed_add(s->log,
                   &(struct mrl_audit_event){.action = MRL_AUDIT_DEVICE_CHANGED,
                                             .actor.kind = MRL_ACTOR_SYSTEM,
                                             .time_ms = mrl_wall_ms() - ago_ms},
                   1);
    signed_checkpoint(s->log);
}

static void collect(struct scene *s)
{
    struct mrl_why why = {""};

    if (mrl_witnesses_collect(s->all, &why) != MRL_OK)
        fail_msg("%s", why.text);
}

static struct mrl_witness_state state_of(struct scene *s, size_t index)
{
    struct mrl_witness_state state;

    mrl_witnesses_state(s->all, index, &state);
    return state;
}

/* Entries of these are written without waiting for them. */
static int64_t entries_of(struct scene *s, const char *action)
{
    char sql[160];

    (void)snprintf(sql, sizeof(sql),
                   "SELECT COUNT(*) FROM audit_entries WHERE json LIKE '%%\"action\":\"%s\"%%'",
                   action);
    signed_exec(s->log, "UPDATE audit_checkpoints SET time = time"); /* behind what is queued */
    return signed_number(s->log, sql);
}

static mrl_err read_checkpoint(struct mrl_tx *tx, void *context)
{
    return mrl_audit_publish_checkpoint(tx, context);
}

static void assert_cosigned(struct scene *s, size_t count)
{
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_note parsed;

    assert_ok(mrl_store_read(s->log->store, read_checkpoint, &note));
    assert_ok(mrl_note_read(mrl_buf_bytes(&note), &parsed, NULL));
    assert_int_equal(parsed.count, 1 + count);
    assert_ok(mrl_note_check(&parsed, &s->log->vkey, NULL));
    for (size_t i = 0; i < count; i++)
        assert_ok(mrl_note_check(&parsed, &s->at[i].note_key, NULL));
    assert_int_equal(signed_number(s->log, "SELECT cosigned FROM audit_checkpoints ORDER BY size"
                                           " DESC LIMIT 1"),
                     count);
}

static void every_checkpoint_is_cosigned_by_all(void **state)
{
    struct scene *s = *state;

    for (unsigned i = 0; i < 4; i++) {
        grow(s, 100, 0);
        collect(s);
        assert_cosigned(s, TWO);
        assert_true(mrl_witnesses_fresh(s->all));
        assert_false(mrl_witnesses_fresh(s->all));
        assert_int_equal(state_of(s, 1).standing, MRL_WITNESS_OK);
        assert_true(state_of(s, 1).size == (i + 1) * 100);
        assert_true(state_of(s, 1).lag_entries == 0);
    }
    assert_int_equal(s->at[0].asked, 4);
}

static void what_is_cosigned_is_not_asked_again(void **state)
{
    struct scene *s = *state;

    collect(s); /* nothing to ask with */
    grow(s, 3, 0);
    collect(s);
    collect(s);
    assert_int_equal(s->at[0].asked, 1);
    assert_cosigned(s, TWO);
}

static void the_size_a_witness_has_is_learnt(void **state)
{
    struct scene *s = *state;

    grow(s, 300, 0);
    collect(s);
    signed_exec(s->log, "UPDATE audit_checkpoints SET cosigned = 0");
    mrl_witnesses_free(s->all);
    open_witnesses(s);
    assert_true(state_of(s, 0).size == 0);
    grow(s, 300, 0);
    s->at[0].asked = 0;
    collect(s);
    assert_int_equal(s->at[0].asked, 2); /* 409, and again */
    assert_cosigned(s, TWO);
}

static void a_restart_knows_what_was_cosigned(void **state)
{
    struct scene *s = *state;

    grow(s, 300, 0);
    collect(s);
    mrl_witnesses_free(s->all);
    open_witnesses(s);
    assert_true(state_of(s, 0).size == 300);
    assert_true(state_of(s, 0).time_ms > 0);
    s->at[0].asked = 0;
    assert_ok(mrl_witnesses_check_start(s->all, NULL));
    assert_int_equal(s->at[0].asked, 1);
    assert_cosigned(s, TWO); /* and not once more */
}

static void next_checkpoint(void *context)
{
    struct scene *s = context;

    s->at[0].meanwhile = NULL;
    grow(s, 10, 0);
}

static void a_cosignature_may_come_after_the_next_checkpoint(void **state)
{
    struct scene *s = *state;

    grow(s, 10, 0);
    s->at[0].meanwhile = next_checkpoint;
    s->at[0].meanwhile_context = s;
    collect(s);
    assert_int_equal(signed_number(s->log, "SELECT COUNT(*) FROM audit_checkpoints"), 2);
    assert_int_equal(
        signed_number(s->log, "SELECT cosigned FROM audit_checkpoints WHERE size = 10"), TWO);
    assert_cosigned(s, 0); /* the newest: nobody was asked yet */
    collect(s);
    assert_cosigned(s, TWO);
}

static void a_wrong_cosignature_is_not_stored(void **state)
{
    struct scene *s = *state;

    grow(s, 10, 0);
    s->at[0].status = 200;
    s->at[0].says = "\xe2\x80\x94 a.example/w AAAA\n";
    s->at[1].status = 403;
    s->at[1].says = "no valid \x01 signature\n";
    collect(s);
    assert_cosigned(s, 0);
    assert_int_equal(state_of(s, 0).standing, MRL_WITNESS_REFUSES);
    assert_int_equal(state_of(s, 1).standing, MRL_WITNESS_REFUSES);
    assert_string_equal(state_of(s, 1).why.text, "it answered 403: no valid ? signature");
    assert_true(state_of(s, 1).failures == 1);
}

static void a_late_witness_is_an_alarm_once_and_back_once(void **state)
{
    struct scene *s = *state;

    s->at[0].away = true;
    grow(s, 5, (LATE_S - 5) * 1000);
    collect(s);
    assert_false(state_of(s, 0).late);
    assert_true(state_of(s, 0).lag_entries == 5);
    assert_int_equal(entries_of(s, "audit.witness_late"), 0);
    s->at[1].away = true;
    grow(s, 5, (LATE_S + 5) * 1000);
    collect(s);
    collect(s);
    assert_false(state_of(s, 0).late); /* the oldest entry that waits for it is younger */
    assert_true(state_of(s, 1).late);
    assert_true(state_of(s, 1).lag_entries >= 5);
    assert_int_equal(entries_of(s, "audit.witness_late"), 1);
    s->at[1].away = false;
    collect(s);
    assert_false(state_of(s, 1).late);
    assert_int_equal(entries_of(s, "audit.witness_back"), 1);
}

static void changes_are_refused_when_every_witness_is_late(void **state)
{
    struct scene *s = *state;
    struct mrl_why why = {""};

    assert_ok(mrl_witnesses_judge(s->all, NULL)); /* nothing waits */
    s->at[0].away = s->at[1].away = true;
    grow(s, 5, (LATE_S + 5) * 1000);
    collect(s);
    assert_int_equal(mrl_witnesses_judge(s->all, &why), MRL_ERR_STATE);
    assert_non_null(strstr(why.text, "no witness has cosigned the log for 65 s"));
    s->at[1].away = false;
    collect(s);
    assert_ok(mrl_witnesses_judge(s->all, NULL));
}

/* As the store was at an earlier time. */
static void roll_back(struct scene *s, const char *to)
{
    char sql[100];

    (void)snprintf(sql, sizeof(sql), "DELETE FROM audit_entries WHERE seq > %s", to);
    signed_exec(s->log, sql);
    signed_exec(s->log, "DELETE FROM audit_checkpoints");
    signed_exec(s->log, "DELETE FROM audit_tiles");
    mrl_witnesses_free(s->all);
    signed_close(s->log);
    signed_open(s->log);
    s->log->signed_last = 0;
    open_witnesses(s);
    signed_checkpoint(s->log);
}

static void a_witness_that_is_ahead_stops_the_start(void **state)
{
    struct scene *s = *state;
    struct mrl_why why = {""};

    assert_int_equal(mrl_witnesses_check_start(s->all, NULL), MRL_ERR_NOT_FOUND);
    grow(s, 300, 0);
    collect(s);
    assert_ok(mrl_witnesses_check_start(s->all, NULL));
    s->at[0].away = true;
    roll_back(s, "100");
    assert_int_equal(mrl_witnesses_check_start(s->all, &why), MRL_ERR_CORRUPT);
    if (strstr(why.text, "b.example/w") == NULL || strstr(why.text, "300") == NULL ||
        strstr(why.text, "100") == NULL || strstr(why.text, "--accept-rollback") == NULL)
        fail_msg("%s", why.text);
    assert_int_equal(entries_of(s, "audit.rollback_suspected"), 0); /* nothing was written */
    assert_int_equal(mrl_witnesses_judge(s->all, &why), MRL_ERR_STATE);
}

static void a_witness_that_is_ahead_is_an_alarm(void **state)
{
    struct scene *s = *state;

    grow(s, 300, 0);
    collect(s);
    roll_back(s, "100");
    collect(s);
    collect(s);
    assert_int_equal(state_of(s, 0).standing, MRL_WITNESS_AHEAD);
    assert_int_equal(entries_of(s, "audit.rollback_suspected"), TWO);
}

static void another_history_is_found_at_the_same_size_and_beyond(void **state)
{
    struct scene *s = *state;

    grow(s, 300, 0);
    collect(s);
    roll_back(s, "100");
    grow(s, 200, 0);
    assert_int_equal(mrl_witnesses_check_start(s->all, NULL), MRL_ERR_CORRUPT);
    assert_int_equal(state_of(s, 0).standing, MRL_WITNESS_FORKED);
    grow(s, 50, 0);
    assert_int_equal(mrl_witnesses_check_start(s->all, NULL), MRL_ERR_CORRUPT);
    assert_int_equal(state_of(s, 0).status, 422);
    assert_cosigned(s, 0);
}

static void a_witness_that_is_away_does_not_stop_the_start(void **state)
{
    struct scene *s = *state;

    grow(s, 300, 0);
    s->at[0].away = s->at[1].away = true;
    assert_ok(mrl_witnesses_check_start(s->all, NULL));
    assert_int_equal(state_of(s, 0).standing, MRL_WITNESS_UNREACHABLE);
    assert_string_equal(state_of(s, 0).why.text, "nobody there");
}

static void a_stop_waits_only_for_those_that_answered(void **state)
{
    struct scene *s = *state;

    s->at[0].away = true;
    grow(s, 5, 0);
    collect(s);
    mrl_witnesses_stop(s->all);
    grow(s, 5, 0);
    collect(s);
    assert_int_equal(s->at[0].asked, 1);
    assert_int_equal(s->at[1].asked, 2);
    assert_true(state_of(s, 1).size == 10);
}

static void a_size_that_is_none_is_no_alarm(void **state)
{
    struct scene *s = *state;

    grow(s, 10, 0);
    s->at[0].status = 409;
    s->at[0].says = "many\n";
    collect(s);
    assert_int_equal(state_of(s, 0).standing, MRL_WITNESS_REFUSES);
    assert_int_equal(entries_of(s, "audit.rollback_suspected"), 0);
}

static void what_is_no_set_of_witnesses_is_refused(void **state)
{
    struct scene *s = *state;
    char log_key[MRL_NOTE_VKEY_MAX];
    struct mrl_witness_address addresses[MRL_WITNESSES_MAX + 1];
    struct mrl_witnesses_options o = {addresses, 2, LATE_S, test_witness_post, s->at};
    struct mrl_witnesses *none = NULL;
    struct mrl_why why = {""};

    addresses[0] = addresses[1] = (struct mrl_witness_address){mrl_str(s->at[0].vkey), {0}};
    assert_int_equal(mrl_witnesses_new(s->log->audit, &o, &none, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "twice"));
    assert_ok(mrl_audit_vkey(s->log->audit, log_key));
    addresses[1].vkey = mrl_str(log_key);
    assert_int_equal(mrl_witnesses_new(s->log->audit, &o, &none, &why), MRL_ERR_INVALID);
    addresses[1].vkey = MRL_LIT("nonsense");
    assert_int_equal(mrl_witnesses_new(s->log->audit, &o, &none, &why), MRL_ERR_MALFORMED);
    assert_null(none);
}

static void there_are_at_most_sixteen(void **state)
{
    struct scene *s = *state;
    struct test_witness many[MRL_WITNESSES_MAX + 1] = {0};
    struct mrl_witness_address addresses[MRL_WITNESSES_MAX + 1];
    struct mrl_witnesses_options o = {addresses, MRL_WITNESSES_MAX, LATE_S, test_witness_post,
                                      many};
    struct mrl_witnesses *all = NULL;
    char name[16];

    for (size_t i = 0; i <= MRL_WITNESSES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "w%zu", i);
        test_witness_make(&many[i], name);
        addresses[i] = (struct mrl_witness_address){mrl_str(many[i].vkey), {0}};
    }
    grow(s, 7, 0);
    assert_ok(mrl_witnesses_new(s->log->audit, &o, &all, NULL));
    assert_ok(mrl_witnesses_collect(all, NULL));
    assert_int_equal(signed_number(s->log, "SELECT cosigned FROM audit_checkpoints"),
                     MRL_WITNESSES_MAX);
    mrl_witnesses_free(all);
    o.count++;
    assert_int_equal(mrl_witnesses_new(s->log->audit, &o, &all, NULL), MRL_ERR_LIMIT);
    for (size_t i = 0; i <= MRL_WITNESSES_MAX; i++)
        test_witness_done(&many[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_SCENE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        WITH_SCENE(every_checkpoint_is_cosigned_by_all),
        WITH_SCENE(what_is_cosigned_is_not_asked_again),
        WITH_SCENE(the_size_a_witness_has_is_learnt),
        WITH_SCENE(a_restart_knows_what_was_cosigned),
        WITH_SCENE(a_cosignature_may_come_after_the_next_checkpoint),
        WITH_SCENE(a_wrong_cosignature_is_not_stored),
        WITH_SCENE(a_late_witness_is_an_alarm_once_and_back_once),
        WITH_SCENE(changes_are_refused_when_every_witness_is_late),
        WITH_SCENE(a_witness_that_is_ahead_stops_the_start),
        WITH_SCENE(a_witness_that_is_ahead_is_an_alarm),
        WITH_SCENE(another_history_is_found_at_the_same_size_and_beyond),
        WITH_SCENE(a_witness_that_is_away_does_not_stop_the_start),
        WITH_SCENE(a_stop_waits_only_for_those_that_answered),
        WITH_SCENE(a_size_that_is_none_is_no_alarm),
        WITH_SCENE(what_is_no_set_of_witnesses_is_refused),
        WITH_SCENE(there_are_at_most_sixteen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
