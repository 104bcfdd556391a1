/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation/changes.h"

#include "revocation/revocation.h"
#include "tests/unit/devices/fixture.h"

static atomic_bool stop;

struct seen {
    size_t rows, revoked;
    char serials[4096];
    char reason[64];
};

static void see(void *context, const struct mrl_change_seen *c)
{
    struct seen *s = context;

    s->rows++;
    (void)snprintf(&s->serials[strlen(s->serials)], sizeof(s->serials) - strlen(s->serials),
                   "%.*s ", MRL_FMT(c->serial));
    if (c->state == MRL_CREDENTIAL_REVOKED) {
        s->revoked++;
        (void)mrl_bytes_to_cstr(c->reason, s->reason, sizeof(s->reason));
    }
}

static struct seen look(struct mrl_changes *c, int64_t not_before)
{
    struct seen s = {0};

    assert_ok(mrl_changes_read(c, not_before, see, &s));
    return s;
}

static void enrol_one(struct fixture *f, const char *id, const char *serial)
{
    struct fake_cert cert;

    add(f, id, "");
    fake_cert(&cert, MRL_PRINCIPAL_DEVICE, id, 1);
    cert.it.serial = mrl_str(serial);
    assert_ok(enrol(f, &cert.it));
}

static void all_is_seen_first_and_then_what_is_new(void **state)
{
    struct fixture *f = *state;
    struct mrl_changes *c = mrl_changes_new(f->store, &stop);

    enrol_one(f, "a", "A");
    enrol_one(f, "b", "B");
    assert_int_equal(look(c, 0).rows, 2);
    enrol_one(f, "c", "C");
    assert_non_null(strstr(look(c, 0).serials, "C "));
    mrl_changes_free(c);
}

static void a_revocation_is_seen_with_its_reason(void **state)
{
    struct fixture *f = *state;
    struct mrl_changes *c = mrl_changes_new(f->store, &stop);
    struct seen s;

    enrol_one(f, "a", "A");
    enrol_one(f, "b", "B");
    assert_int_equal(look(c, 0).revoked, 0);
    assert_ok(change(f, "a", MRL_DEVICE_REVOKE));
    s = look(c, 0);
    assert_int_equal(s.revoked, 1);
    assert_string_equal(s.reason, "because");
    mrl_changes_free(c);
}

static void what_ended_long_ago_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct mrl_changes *c = mrl_changes_new(f->store, &stop);

    enrol_one(f, "a", "A"); /* until 2000 */
    assert_int_equal(look(c, 2001).rows, 0);
    assert_int_equal(look(c, 2000).rows, 1); /* changed just now: seen again */
    mrl_changes_free(c);
}

static void a_pre_shared_key_is_no_certificate(void **state)
{
    struct fixture *f = *state;
    struct mrl_changes *c = mrl_changes_new(f->store, &stop);

    enrol_one(f, "a", "A");
    assert_ok(store_exec(f->store, "UPDATE credentials SET der = x'', serial = x''", NULL, 0));
    assert_int_equal(look(c, 0).rows, 0);
    mrl_changes_free(c);
}

static void a_look_ends_when_it_is_told_to(void **state)
{
    struct fixture *f = *state;
    struct mrl_changes *c = mrl_changes_new(f->store, &stop);
    struct seen s = {0};

    enrol_one(f, "a", "A");
    atomic_store(&stop, true);
    assert_int_equal(mrl_changes_read(c, 0, see, &s), MRL_ERR_CLOSED);
    atomic_store(&stop, false);
    assert_int_equal(look(c, 0).rows, 1);
    mrl_changes_free(c);
}

static void more_than_a_page_is_read_to_its_end(void **state)
{
    struct fixture *f = *state;
    struct mrl_changes *c = mrl_changes_new(f->store, &stop);
    const mrl_bytes sql = MRL_LIT(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
        "INSERT INTO credentials (fingerprint, serial, kind, principal, not_before, not_after, "
        "state, reason, created, changed, der) SELECT CAST(printf('%032d', i) AS BLOB), x'01', 1, "
        "'a', 0, 2000, 1, '', 1, 1 + i / 3000, x'00' FROM n");

    assert_ok(store_exec(f->store, (const char *)sql.data, NULL, 0));
    assert_int_equal(look(c, 0).rows, 5000);
    mrl_changes_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_REGISTRY(all_is_seen_first_and_then_what_is_new),
        WITH_REGISTRY(a_revocation_is_seen_with_its_reason),
        WITH_REGISTRY(what_ended_long_ago_is_passed_over),
        WITH_REGISTRY(a_pre_shared_key_is_no_certificate),
        WITH_REGISTRY(a_look_ends_when_it_is_told_to),
        WITH_REGISTRY(more_than_a_page_is_read_to_its_end),
    };

    duties_more = &mrl_revocation_migrations;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
