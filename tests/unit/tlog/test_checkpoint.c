/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/checkpoint.h"

#include <string.h>

#include "tests/unit/tlog/fixture.h"
#include "tests/unit/unit.h"

#define ROOT "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
#define NOTE "acme/merlon-audit\n7\n" ROOT "\n\n— acme/merlon-audit AAAAAQA=\n"

enum { LINES_MAX = 63 };

static struct fixture_signer log_key, other_key;

static int set_up(void **state)
{
    (void)state;
    fixture_signer_init(&log_key, "acme/merlon-audit", MRL_NOTE_ED25519);
    fixture_signer_init(&other_key, "other/merlon-audit", MRL_NOTE_ED25519);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_signer_done(&log_key);
    fixture_signer_done(&other_key);
    return 0;
}

static void a_checkpoint_is_written_as_it_is_read(void **state)
{
    static const char text[] = "example.com/behind-the-sofa\n20852163\n" ROOT "\n";
    char memory[MRL_CHECKPOINT_TEXT_MAX];
    struct mrl_checkpoint c;
    mrl_bytes written;

    (void)state;
    assert_ok(mrl_checkpoint_read(mrl_str(text), &c));
    assert_bytes_equal(c.origin, MRL_LIT("example.com/behind-the-sofa"));
    assert_int_equal(c.size, 20852163);
    assert_int_equal(c.root.bytes[0], 0x0a);
    assert_int_equal(c.root.bytes[31], 0x62);
    assert_ok(mrl_checkpoint_text(&c, memory, &written));
    assert_bytes_equal(written, mrl_str(text));
}

static void what_is_no_checkpoint_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "\n",
        "a\n",
        "a\n1\n",
        "\n1\n" ROOT "\n",
        "a\n\n" ROOT "\n",
        "a\n01\n" ROOT "\n",
        "a\n00\n" ROOT "\n",
        "a\n-1\n" ROOT "\n",
        "a\n+1\n" ROOT "\n",
        "a\n 1\n" ROOT "\n",
        "a\n1 \n" ROOT "\n",
        "a\n0x1\n" ROOT "\n",
        "a\n9223372036854775808\n" ROOT "\n",
        "a\n1\n" ROOT,
        "a\n1\n" ROOT " \n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
        "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2IA\n",
        "a\n1\n" ROOT "\n\n",
        "a\n1\n" ROOT "\nextension\n\n",
        "a\n1\n" ROOT "\nextension",
    };
    struct mrl_checkpoint c;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(mrl_checkpoint_read(mrl_str(bad[i]), &c), MRL_ERR_MALFORMED);
    assert_ok(mrl_checkpoint_read(MRL_LIT("a b\n0\n" ROOT "\nextension\nand one more\n"), &c));
    assert_bytes_equal(c.origin, MRL_LIT("a b"));
    assert_ok(mrl_checkpoint_read(MRL_LIT("a\n9223372036854775807\n" ROOT "\n"), &c));
    assert_int_equal(c.size, INT64_MAX);
}

static void our_own_origins_are_names(void **state)
{
    static const char *const bad[] = {"", "a b", "a+b", "a\nb", "a\tb"};
    char long_name[MRL_NOTE_NAME_MAX + 2] = {0}, memory[MRL_CHECKPOINT_TEXT_MAX];
    struct mrl_checkpoint c = {.size = MRL_TLOG_SIZE_MAX};
    mrl_bytes written;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        c.origin = mrl_str(bad[i]);
        assert_int_equal(mrl_checkpoint_text(&c, memory, &written), MRL_ERR_INVALID);
    }
    memset(long_name, 'n', MRL_NOTE_NAME_MAX + 1);
    c.origin = mrl_str(long_name);
    assert_int_equal(mrl_checkpoint_text(&c, memory, &written), MRL_ERR_INVALID);
    c.origin.len--;
    assert_ok(mrl_checkpoint_text(&c, memory, &written));
    c.size++;
    assert_int_equal(mrl_checkpoint_text(&c, memory, &written), MRL_ERR_INVALID);
}

static mrl_err open_note(const struct fixture_signer *signer, const char *text,
                         struct mrl_checkpoint *c, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_note parsed;
    mrl_err err;

    fixture_sign(signer, mrl_str(text), 0, &note);
    err = mrl_checkpoint_open(mrl_buf_bytes(&note), &log_key.public, &parsed, c, why);
    c->origin = MRL_BYTES_NONE; /* pointed into note */
    return err;
}

static void a_checkpoint_opens_with_the_key_of_its_origin_only(void **state)
{
    struct mrl_checkpoint c;
    struct mrl_why why = {0};

    (void)state;
    assert_ok(open_note(&log_key, "acme/merlon-audit\n7\n" ROOT "\n", &c, &why));
    assert_int_equal(c.size, 7);
    assert_int_equal(open_note(&log_key, "other/merlon-audit\n7\n" ROOT "\n", &c, &why),
                     MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "another log"));
    assert_int_equal(open_note(&other_key, "acme/merlon-audit\n7\n" ROOT "\n", &c, &why),
                     MRL_ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "not signed by acme/merlon-audit"));
    assert_int_equal(open_note(&log_key, "acme/merlon-audit\nseven\n", &c, &why),
                     MRL_ERR_MALFORMED);
    assert_non_null(strstr(why.text, "no checkpoint"));
}

static void a_checkpoint_that_was_changed_does_not_open(void **state)
{
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_checkpoint c;
    struct mrl_note parsed;
    struct mrl_why why = {0};

    (void)state;
    fixture_sign(&log_key, MRL_LIT("acme/merlon-audit\n7\n" ROOT "\n"), 0, &note);
    note.data[18] = '8';
    assert_int_equal(mrl_checkpoint_open(mrl_buf_bytes(&note), &log_key.public, &parsed, &c, &why),
                     MRL_ERR_CRYPTO);
    assert_non_null(strstr(why.text, "does not hold"));
}

static void put_lines(size_t count, struct mrl_buf *out)
{
    for (size_t i = 0; i < count; i++)
        assert_ok(mrl_buf_append(out, MRL_LIT(ROOT "\n")));
    assert_ok(mrl_buf_append(out, MRL_LIT("\n" NOTE)));
}

static void a_request_is_written_as_it_is_read(void **state)
{
    for (size_t lines = 0; lines <= LINES_MAX + 1; lines++) {
        MRL_SCOPED(mrl_buf) body = {0};
        MRL_SCOPED(mrl_buf) again = {0};
        struct mrl_add_checkpoint a;

        (void)state;
        assert_ok(mrl_buf_append(&body, MRL_LIT("old 20852014\n")));
        put_lines(lines, &body);
        if (lines > LINES_MAX) {
            assert_int_equal(mrl_add_checkpoint_read(mrl_buf_bytes(&body), &a), MRL_ERR_LIMIT);
            continue;
        }
        assert_ok(mrl_add_checkpoint_read(mrl_buf_bytes(&body), &a));
        assert_int_equal(a.old, 20852014);
        assert_int_equal(a.proof.count, lines);
        assert_bytes_equal(a.note, MRL_LIT(NOTE));
        assert_ok(mrl_add_checkpoint_write(&a, &again));
        assert_bytes_equal(mrl_buf_bytes(&again), mrl_buf_bytes(&body));
        a.proof.count = LINES_MAX + 1;
        assert_int_equal(mrl_add_checkpoint_write(&a, &again), MRL_ERR_LIMIT);
    }
}

static void malformed_requests_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "old",
        "old ",
        "old 1",
        "old \n\n" NOTE,
        "old 01\n\n" NOTE,
        "old 1 \n\n" NOTE,
        "old  1\n\n" NOTE,
        "Old 1\n\n" NOTE,
        "old\t1\n\n" NOTE,
        "old 9223372036854775808\n\n" NOTE,
        "old 1\r\n\n" NOTE,
        "old 1\n" ROOT "\n",
        "old 1\n\n",
        "old 1\n" NOTE,
        "old 1\nshort=\n\n" NOTE,
        "old 1\n" ROOT " \n\n" NOTE,
        "\nold 1\n\n" NOTE,
    };
    struct mrl_add_checkpoint a;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(mrl_add_checkpoint_read(mrl_str(bad[i]), &a), MRL_ERR_MALFORMED);
}

static void a_proof_file_is_written_as_it_is_read(void **state)
{
    static const char *const good[] = {
        "c2sp.org/tlog-proof@v1\nindex 0\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nindex 73894\n" ROOT "\n" ROOT "\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nextra eyJhIjoxfQ==\nindex 5\n" ROOT "\n\n" NOTE,
    };
    MRL_SCOPED(mrl_buf) extra = {0};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(good); i++) {
        MRL_SCOPED(mrl_buf) again = {0};
        struct mrl_proof_file p;

        assert_ok(mrl_proof_file_read(mrl_str(good[i]), &extra, &p));
        assert_bytes_equal(p.extra, i == 2 ? MRL_LIT("{\"a\":1}") : MRL_BYTES_NONE);
        assert_bytes_equal(p.note, MRL_LIT(NOTE));
        assert_ok(mrl_proof_file_write(&p, &again));
        assert_bytes_equal(mrl_buf_bytes(&again), mrl_str(good[i]));
    }
}

static void malformed_proof_files_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 0\n",
        "c2sp.org/tlog-proof@v1\nindex 0\n\n",
        "c2sp.org/tlog-proof@v2\nindex 0\n\n" NOTE,
        " c2sp.org/tlog-proof@v1\nindex 0\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\r\nindex 0\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nindex 00\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nindex -1\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nindex 0 \n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nindex 0\nxyz\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nextra \nindex 0\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nextra e\nindex 0\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nextra eyJ hIjoxfQ==\nindex 0\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nextra eyJhIjoxfQ==\nextra eyJhIjoxfQ==\nindex 0\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nindex 0\nextra eyJhIjoxfQ==\n\n" NOTE,
        "c2sp.org/tlog-proof@v1\nextra eyJhIjoxfQ==\n",
    };
    MRL_SCOPED(mrl_buf) extra = {0};
    struct mrl_proof_file p;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(mrl_proof_file_read(mrl_str(bad[i]), &extra, &p), MRL_ERR_MALFORMED);
}

static void path_and_extra_data_of_a_proof_file_are_limited(void **state)
{
    MRL_SCOPED(mrl_buf) extra = {.limit = 7};
    struct mrl_proof_file p;

    (void)state;
    for (size_t lines = LINES_MAX; lines <= LINES_MAX + 1; lines++) {
        MRL_SCOPED(mrl_buf) text = {0};

        assert_ok(mrl_buf_append(&text, MRL_LIT("c2sp.org/tlog-proof@v1\nindex 9\n")));
        put_lines(lines, &text);
        assert_int_equal(mrl_proof_file_read(mrl_buf_bytes(&text), &extra, &p),
                         lines == LINES_MAX ? MRL_OK : MRL_ERR_LIMIT);
    }
    assert_ok(mrl_proof_file_read(
        MRL_LIT("c2sp.org/tlog-proof@v1\nextra eyJhIjoxfQ==\nindex 0\n\n" NOTE), &extra, &p));
    assert_int_equal(
        mrl_proof_file_read(MRL_LIT("c2sp.org/tlog-proof@v1\nextra eyJhIjoxfX0=\nindex 0\n\n" NOTE),
                            &extra, &p),
        MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checkpoint_is_written_as_it_is_read),
        cmocka_unit_test(what_is_no_checkpoint_is_refused),
        cmocka_unit_test(our_own_origins_are_names),
        cmocka_unit_test(a_checkpoint_opens_with_the_key_of_its_origin_only),
        cmocka_unit_test(a_checkpoint_that_was_changed_does_not_open),
        cmocka_unit_test(a_request_is_written_as_it_is_read),
        cmocka_unit_test(malformed_requests_are_refused),
        cmocka_unit_test(a_proof_file_is_written_as_it_is_read),
        cmocka_unit_test(malformed_proof_files_are_refused),
        cmocka_unit_test(path_and_extra_data_of_a_proof_file_are_limited),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
