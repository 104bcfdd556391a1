/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "crypto/age.h"
#include "tests/unit/api/fixture.h"

static const struct caller root; /* on the UNIX socket */

/* {"recipients":[...]} with this many fresh ones. */
static void body_with(size_t count, struct mrl_buf *out)
{
    MRL_AUTO(mrl_secret) identity = NULL;
    struct mrl_age_recipient r;
    char text[MRL_AGE_RECIPIENT_TEXT + 1];

    assert_ok(mrl_age_identity_new(&identity));
    assert_ok(mrl_age_identity_recipient(identity, &r));
    assert_ok(mrl_age_recipient_write(&r, text));
    assert_ok(mrl_buf_printf(out, "{\"recipients\":["));
    for (size_t i = 0; i < count; i++)
        assert_ok(mrl_buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", text));
    assert_ok(mrl_buf_append(out, mrl_bytes_of("]}", 3))); /* with its NUL */
}

static void refuses(struct fixture *f, const char *body)
{
    struct reply r = ask(f, &root, "POST", "/v1/backups", body);

    assert_problem(&r, 400, "invalid");
    reply_done(&r);
}

static void a_backup_is_made_fetched_and_dropped_and_is_on_record(void **state)
{
    struct fixture *f = *state;
    MRL_SCOPED(mrl_buf) body = {0};
    char target[96], detail[96];
    struct reply made, piece;

    body_with(1, &body);
    made = expect(f, 201, "POST", "/v1/backups", (const char *)body.data);
    (void)snprintf(detail, sizeof(detail), "\"sha256\":\"%s\"", member(&made, "sha256"));
    assert_int_equal(audited(f->api.store, "backup.created", detail), 1);
    (void)snprintf(target, sizeof(target), "/v1/backups/%s", member(&made, "id"));
    piece = expect(f, 200, "GET", target, NULL);
    assert_int_equal(strncmp(piece.body, "age-encryption.org/v1\n", 22), 0);
    reply_done(&piece);
    expect_only(f, 204, "DELETE", target, NULL);
    expect_only(f, 404, "GET", target, NULL);
    expect_only(f, 404, "DELETE", target, NULL);
    reply_done(&made);
}

static void recipients_are_checked(void **state)
{
    struct fixture *f = *state;
    MRL_SCOPED(mrl_buf) most = {0};
    MRL_SCOPED(mrl_buf) more = {0};

    body_with(MRL_AGE_RECIPIENTS_MAX, &most);
    body_with(MRL_AGE_RECIPIENTS_MAX + 1, &more);
    expect_only(f, 201, "POST", "/v1/backups", (const char *)most.data);
    refuses(f, (const char *)more.data);
    refuses(f, NULL);
    refuses(f, "{\"recipients\":[]}");
    refuses(f, "{\"recipients\":[1]}");
    refuses(f, "{\"recipients\":[\"age1\"]}");
    refuses(f, "{\"recipients\":\"age1\"}");
    assert_int_equal(audited(f->api.store, "backup.created", ""), 1);
}

static void an_offset_is_a_number_and_may_be_behind_the_end(void **state)
{
    struct fixture *f = *state;
    MRL_SCOPED(mrl_buf) body = {0};
    char target[96];
    struct reply made, piece;

    body_with(1, &body);
    made = expect(f, 201, "POST", "/v1/backups", (const char *)body.data);
    (void)snprintf(target, sizeof(target), "/v1/backups/%s?offset=9223372036854775807",
                   member(&made, "id"));
    piece = expect(f, 200, "GET", target, NULL);
    assert_string_equal(piece.body, "");
    reply_done(&piece);
    (void)snprintf(target, sizeof(target), "/v1/backups/%s?offset=9223372036854775808",
                   member(&made, "id"));
    expect_only(f, 400, "GET", target, NULL);
    reply_done(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(a_backup_is_made_fetched_and_dropped_and_is_on_record),
        WITH_API(recipients_are_checked),
        WITH_API(an_offset_is_a_number_and_may_be_behind_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
