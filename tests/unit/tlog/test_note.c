/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/note.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "tests/unit/tlog/fixture.h"
#include "tests/unit/unit.h"

/* The example of golang.org/x/mod/sumdb/note. */
#define GO_VKEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define GO_TEXT                                                  \
    "If you think cryptography is the answer to your problem,\n" \
    "then you don't know what your problem is.\n"
/* clang-format off */
#define GO_NOTE                                                                                   \
    GO_TEXT "\n— PeterNeumann "                                                                 \
            "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6R" \
            "yyBwJnAM=\n"
/* clang-format on */
#define SIGNATURE_LINE "— a AAAAAQA=\n"

static struct fixture_signer log_key, witness;

static int set_up(void **state)
{
    (void)state;
    fixture_signer_init(&log_key, "acme/merlon-audit", MRL_NOTE_ED25519);
    fixture_signer_init(&witness, "witness.example/w1", MRL_NOTE_COSIGNATURE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_signer_done(&log_key);
    fixture_signer_done(&witness);
    return 0;
}

static void a_note_of_another_implementation_is_verified(void **state)
{
    MRL_SCOPED(mrl_note_key) k = {0};
    char again[MRL_NOTE_VKEY_MAX];
    struct mrl_note note;
    uint64_t time = 7;

    (void)state;
    assert_ok(mrl_note_key_parse(MRL_LIT(GO_VKEY), &k, NULL));
    assert_string_equal(k.name, "PeterNeumann");
    assert_int_equal(k.id, 0xc74f20a3);
    assert_ok(mrl_note_key_format(&k, again));
    assert_string_equal(again, GO_VKEY);
    assert_ok(mrl_note_read(MRL_LIT(GO_NOTE), &note, NULL));
    assert_bytes_equal(note.text, MRL_LIT(GO_TEXT));
    assert_int_equal(note.count, 1);
    assert_ok(mrl_note_check(&note, &k, &time));
    assert_int_equal(time, 0);
}

/* The example of c2sp.org/tlog-cosignature: names, ids and lengths. */
static void the_example_of_the_specification_is_read(void **state)
{
    static const char example[] =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
        "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 "
        "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+"
        "mbIUBkBIfZ+qnA==\n";
    struct mrl_note note;

    (void)state;
    assert_ok(mrl_note_read(mrl_str(example), &note, NULL));
    assert_int_equal(note.count, 2);
    assert_bytes_equal(note.signatures[0].name, MRL_LIT("example.com/behind-the-sofa"));
    assert_int_equal(note.signatures[0].id, 0x033de0ae);
    assert_int_equal(note.signatures[0].len, 64);
    assert_bytes_equal(note.signatures[1].name, MRL_LIT("witness.example.com/w1"));
    assert_int_equal(note.signatures[1].id, 0x8d66cf3f);
    assert_int_equal(note.signatures[1].len, 72);
    assert_bytes_equal(mrl_bytes_of(note.signatures[1].bytes, 8),
                       MRL_LIT("\0\0\0\0\x64\x18\x50\xcb"));
}

static void what_a_log_and_a_witness_sign_holds(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_note note;
    uint64_t time;

    (void)state;
    fixture_sign(&log_key, MRL_LIT("a text\n\nof two parts\n"), 0, &text);
    fixture_sign(&witness, MRL_LIT("a text\n\nof two parts\n"), 1700000000, &text);
    fixture_sign(&witness, MRL_LIT("a text\n\nof two parts\n"), 1600000000, &text);
    assert_ok(mrl_note_read(mrl_buf_bytes(&text), &note, NULL));
    assert_int_equal(note.count, 3);
    assert_bytes_equal(note.text, MRL_LIT("a text\n\nof two parts\n"));
    assert_ok(mrl_note_check(&note, &log_key.public, NULL));
    assert_ok(mrl_note_check(&note, &witness.public, &time));
    assert_int_equal(time, 1700000000);
}

static void no_bit_of_text_or_signature_may_change(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_note note;

    (void)state;
    fixture_sign(&log_key, MRL_LIT("text\n"), 0, &text);
    fixture_sign(&witness, MRL_LIT("text\n"), 1700000000, &text);
    assert_ok(mrl_note_read(mrl_buf_bytes(&text), &note, NULL));
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < note.signatures[s].len; i++) {
            const struct mrl_note_key *k = s == 0 ? &log_key.public : &witness.public;

            note.signatures[s].bytes[i] ^= 0x10;
            assert_int_equal(mrl_note_check(&note, k, NULL), MRL_ERR_CRYPTO);
            note.signatures[s].bytes[i] ^= 0x10;
        }
    note.text = MRL_LIT("test\n");
    assert_int_equal(mrl_note_check(&note, &log_key.public, NULL), MRL_ERR_CRYPTO);
    assert_int_equal(mrl_note_check(&note, &witness.public, NULL), MRL_ERR_CRYPTO);
}

static void a_signature_of_another_length_does_not_hold(void **state)
{
    static const uint16_t lengths[] = {
        1, 63, 65, 71, 73, MRL_NOTE_SIGNATURE_MAX, MRL_NOTE_SIGNATURE_MAX + 1, 2428};
    struct mrl_note note = {.text = MRL_LIT("text\n"), .count = 1};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(lengths); i++) {
        note.signatures[0] = (struct mrl_note_signature){
            .name = mrl_str(log_key.public.name), .id = log_key.public.id, .len = lengths[i]};
        assert_int_equal(mrl_note_check(&note, &log_key.public, NULL), MRL_ERR_CRYPTO);
        note.signatures[0].name = mrl_str(witness.public.name);
        note.signatures[0].id = witness.public.id;
        assert_int_equal(mrl_note_check(&note, &witness.public, NULL), MRL_ERR_CRYPTO);
    }
}

static void a_cosignature_after_the_end_of_time_does_not_hold(void **state)
{
    MRL_SCOPED(mrl_buf) good = {0};
    MRL_SCOPED(mrl_buf) bad = {0};
    struct mrl_note note;
    uint64_t time;

    (void)state;
    fixture_sign(&witness, MRL_LIT("text\n"), INT64_MAX, &good);
    assert_ok(mrl_note_read(mrl_buf_bytes(&good), &note, NULL));
    assert_ok(mrl_note_check(&note, &witness.public, &time));
    assert_int_equal(time, INT64_MAX);
    fixture_sign(&witness, MRL_LIT("text\n"), (uint64_t)INT64_MAX + 1, &bad);
    assert_ok(mrl_note_read(mrl_buf_bytes(&bad), &note, NULL));
    assert_int_equal(mrl_note_check(&note, &witness.public, &time), MRL_ERR_CRYPTO);
}

static void only_name_and_id_together_are_a_key(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_note note;

    (void)state;
    fixture_sign(&log_key, MRL_LIT("text\n"), 0, &text);
    assert_ok(mrl_note_read(mrl_buf_bytes(&text), &note, NULL));
    assert_int_equal(mrl_note_check(&note, &witness.public, NULL), MRL_ERR_NOT_FOUND);
    note.signatures[0].id ^= 1;
    assert_int_equal(mrl_note_check(&note, &log_key.public, NULL), MRL_ERR_NOT_FOUND);
    note.signatures[0].id ^= 1;
    note.signatures[0].name = MRL_LIT("acme/merlon-audi");
    assert_int_equal(mrl_note_check(&note, &log_key.public, NULL), MRL_ERR_NOT_FOUND);
}

static void one_false_signature_of_a_key_spoils_the_good_one(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_note note;

    (void)state;
    fixture_sign(&log_key, MRL_LIT("text\n"), 0, &text);
    fixture_sign(&log_key, MRL_LIT("other\n"), 0, &text); /* below the first text */
    assert_ok(mrl_note_read(mrl_buf_bytes(&text), &note, NULL));
    assert_int_equal(mrl_note_check(&note, &log_key.public, NULL), MRL_ERR_CRYPTO);
}

static void malformed_notes_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "\n",
        "\n\n",
        "text",
        "text\n",
        "text\n\n",
        "text\n" SIGNATURE_LINE,
        "\n\n" SIGNATURE_LINE,
        "text\n\n— a AAAAAQA=",           /* no LF at the end */
        "text\n\n- a AAAAAQA=\n",         /* another dash */
        "text\n\n—a AAAAAQA=\n",          /* no blank */
        "text\n\n—  AAAAAQA=\n",          /* no name */
        "text\n\n— a\n",                  /* no signature */
        "text\n\n— a \n",                 /* an empty one */
        "text\n\n— a AAAAAQ==\n",         /* only a key id */
        "text\n\n— a AAAAAQA\n",          /* no padding */
        "text\n\n— a AAAAAQB=\n",         /* bits left over */
        "text\n\n— a AAAA AQA=\n",        /* white space in base64 */
        "text\n\n— a AAAAAQA= \n",        /* and behind it */
        "text\n\n— a b AAAAAQA=\n",       /* white space in a name */
        "text\n\n— a+b AAAAAQA=\n",       /* a plus sign */
        "text\n\n— a\xc2\xa0 AAAAAQA=\n", /* a blank of Unicode */
        "text\n\n— a\xe2\x80\x83 AAAAAQA=\n",
        "text\n\n" SIGNATURE_LINE "more\n", /* something else below */
        "text\n\n" SIGNATURE_LINE "\n",
        "text\r\n\n" SIGNATURE_LINE, /* control characters */
        "te\txt\n\n" SIGNATURE_LINE,
        "te\xffxt\n\n" SIGNATURE_LINE, /* not UTF-8 */
    };
    struct mrl_note note;

    (void)state;
    assert_ok(mrl_note_read(MRL_LIT("text\n\n" SIGNATURE_LINE), &note, NULL));
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_why why = {0};

        assert_int_equal(mrl_note_read(mrl_str(bad[i]), &note, &why), MRL_ERR_MALFORMED);
        assert_true(why.text[0] != '\0');
    }
    assert_int_equal(mrl_note_read(mrl_bytes_of("te\0xt\n\n" SIGNATURE_LINE, 24), &note, NULL),
                     MRL_ERR_MALFORMED);
}

static void a_note_with_signatures(size_t count, struct mrl_buf *out)
{
    assert_ok(mrl_buf_append(out, MRL_LIT("text\n\n")));
    for (size_t i = 0; i < count; i++)
        assert_ok(mrl_buf_append(out, MRL_LIT(SIGNATURE_LINE)));
}

static void a_note_of(size_t size, struct mrl_buf *out)
{
    mrl_buf_clear(out);
    while (out->len < size - 6 - (sizeof(SIGNATURE_LINE) - 1))
        assert_ok(mrl_buf_append(out, MRL_LIT("x")));
    a_note_with_signatures(1, out);
    assert_int_equal(out->len, size);
}

static void signatures_and_bytes_of_a_note_are_limited(void **state)
{
    MRL_SCOPED(mrl_buf) most = {0};
    MRL_SCOPED(mrl_buf) more = {0};
    MRL_SCOPED(mrl_buf) large = {0};
    struct mrl_note note;

    (void)state;
    a_note_with_signatures(MRL_NOTE_SIGNATURES_MAX, &most);
    assert_ok(mrl_note_read(mrl_buf_bytes(&most), &note, NULL));
    assert_int_equal(note.count, MRL_NOTE_SIGNATURES_MAX);
    a_note_with_signatures(MRL_NOTE_SIGNATURES_MAX + 1, &more);
    assert_int_equal(mrl_note_read(mrl_buf_bytes(&more), &note, NULL), MRL_ERR_LIMIT);
    a_note_of(MRL_NOTE_MAX, &large);
    assert_ok(mrl_note_read(mrl_buf_bytes(&large), &note, NULL));
    a_note_of(MRL_NOTE_MAX + 1, &large);
    assert_int_equal(mrl_note_read(mrl_buf_bytes(&large), &note, NULL), MRL_ERR_LIMIT);
}

/* A signature of ML-DSA-44 has 2428 bytes with its time. */
static void a_long_signature_of_an_unknown_kind_is_passed_over(void **state)
{
    static const uint8_t unknown[4 + 2428] = {0, 0, 0, 6};
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_note note;

    (void)state;
    fixture_sign(&log_key, MRL_LIT("text\n"), 0, &text);
    assert_ok(mrl_buf_append(&text, MRL_LIT("— mldsa.example ")));
    assert_ok(mrl_base64_write(mrl_bytes_of(unknown, sizeof(unknown)), 0, &text));
    assert_ok(mrl_buf_append(&text, MRL_LIT("\n")));
    assert_ok(mrl_note_read(mrl_buf_bytes(&text), &note, NULL));
    assert_int_equal(note.count, 2);
    assert_int_equal(note.signatures[1].len, 2428);
    assert_ok(mrl_note_check(&note, &log_key.public, NULL));
}

static void names_are_limited_and_plain(void **state)
{
    static const uint8_t public_key[32] = {1};
    char name[MRL_NOTE_NAME_MAX + 2];
    MRL_SCOPED(mrl_buf) note = {0};
    MRL_SCOPED(mrl_note_key) k = {0};
    struct mrl_note_key other;

    (void)state;
    memset(name, 'n', sizeof(name));
    assert_int_equal(mrl_note_key_make(mrl_bytes_of(name, MRL_NOTE_NAME_MAX + 1), MRL_NOTE_ED25519,
                                       mrl_bytes_of(public_key, 32), &other),
                     MRL_ERR_INVALID);
    assert_ok(mrl_note_key_make(mrl_bytes_of(name, MRL_NOTE_NAME_MAX), MRL_NOTE_ED25519,
                                mrl_bytes_of(public_key, 32), &k));
    assert_int_equal(
        mrl_note_key_make(MRL_LIT("a b"), MRL_NOTE_ED25519, mrl_bytes_of(public_key, 32), &other),
        MRL_ERR_INVALID);
    assert_int_equal(
        mrl_note_key_make(MRL_LIT("a"), MRL_NOTE_ED25519, mrl_bytes_of(public_key, 31), &other),
        MRL_ERR_INVALID);
    assert_int_equal(mrl_note_put_signature(&note, MRL_LIT("a+b"), 1, MRL_LIT("s")),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_note_put_signature(&note, MRL_LIT("a"), 1, MRL_BYTES_NONE),
                     MRL_ERR_INVALID);
    assert_int_equal(note.len, 0);
}

static void a_signature_that_is_written_is_limited(void **state)
{
    static const uint8_t long_one[MRL_NOTE_SIGNATURE_MAX + 1];
    MRL_SCOPED(mrl_buf) note = {0};

    (void)state;
    assert_int_equal(
        mrl_note_put_signature(&note, MRL_LIT("a"), 1, mrl_bytes_of(long_one, sizeof(long_one))),
        MRL_ERR_NO_SPACE);
    assert_int_equal(note.len, 0);
    assert_ok(mrl_note_put_signature(&note, MRL_LIT("a"), 1,
                                     mrl_bytes_of(long_one, sizeof(long_one) - 1)));
}

static void a_verifier_key_survives_its_text(void **state)
{
    const struct mrl_note_key *const keys[] = {&log_key.public, &witness.public};
    char text[MRL_NOTE_VKEY_MAX];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(keys); i++) {
        MRL_SCOPED(mrl_note_key) again = {0};

        assert_ok(mrl_note_key_format(keys[i], text));
        assert_ok(mrl_note_key_parse(mrl_str(text), &again, NULL));
        assert_string_equal(again.name, keys[i]->name);
        assert_int_equal(again.id, keys[i]->id);
        assert_int_equal(again.kind, keys[i]->kind);
        assert_true(mrl_key_public_eq(again.key, keys[i]->key));
    }
}

static void verifier_keys_that_are_none_are_refused(void **state)
{
    static const struct {
        const char *text;
        mrl_err err;
    } bad[] = {
        {"", MRL_ERR_MALFORMED},
        {"PeterNeumann", MRL_ERR_MALFORMED},
        {"PeterNeumann+c74f20a3", MRL_ERR_MALFORMED},
        {"PeterNeumann+c74f20a3+", MRL_ERR_MALFORMED},
        {"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", MRL_ERR_MALFORMED},
        {"Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", MRL_ERR_MALFORMED},
        {"PeterNeumann+c74f20a+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", MRL_ERR_MALFORMED},
        {"PeterNeumann+c74f20ag+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", MRL_ERR_MALFORMED},
        {"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", MRL_ERR_MALFORMED},
        {"PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", MRL_ERR_MALFORMED},
        {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T", MRL_ERR_MALFORMED},
        {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy", MRL_ERR_MALFORMED},
        {"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n", MRL_ERR_MALFORMED},
        {"PeterNeumann+c74f20a3+AhpcBQcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", MRL_ERR_UNSUPPORTED},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_note_key k;
        struct mrl_why why = {0};

        assert_int_equal(mrl_note_key_parse(mrl_str(bad[i].text), &k, &why), bad[i].err);
        assert_true(why.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_of_another_implementation_is_verified),
        cmocka_unit_test(the_example_of_the_specification_is_read),
        cmocka_unit_test(what_a_log_and_a_witness_sign_holds),
        cmocka_unit_test(no_bit_of_text_or_signature_may_change),
        cmocka_unit_test(a_signature_of_another_length_does_not_hold),
        cmocka_unit_test(a_cosignature_after_the_end_of_time_does_not_hold),
        cmocka_unit_test(only_name_and_id_together_are_a_key),
        cmocka_unit_test(one_false_signature_of_a_key_spoils_the_good_one),
        cmocka_unit_test(malformed_notes_are_refused),
        cmocka_unit_test(signatures_and_bytes_of_a_note_are_limited),
        cmocka_unit_test(a_long_signature_of_an_unknown_kind_is_passed_over),
        cmocka_unit_test(names_are_limited_and_plain),
        cmocka_unit_test(a_signature_that_is_written_is_limited),
        cmocka_unit_test(a_verifier_key_survives_its_text),
        cmocka_unit_test(verifier_keys_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
