/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/unlock_message.h"

#include <string.h>

#include "tests/unit/unit.h"

static uint8_t memory[MRL_UNLOCK_MESSAGE_MAX];

static mrl_bytes written(const struct mrl_unlock_request *q)
{
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));

    assert_ok(mrl_unlock_write_request(q, &w));
    return mrl_bytes_of(w.data, w.len);
}

static void a_request_is_read_as_it_was_written(void **state)
{
    const struct mrl_unlock_request q = {.operation = MRL_UNLOCK_OPEN,
                                         .kind = MRL_UNLOCK_PKCS11,
                                         .module = MRL_LIT("/m.so"),
                                         .token = MRL_LIT("t"),
                                         .key = MRL_LIT("k"),
                                         .pin = MRL_LIT("1234"),
                                         .blob = MRL_LIT("\0blob")};
    struct mrl_unlock_request r;

    (void)state;
    assert_ok(mrl_unlock_read_request(written(&q), &r));
    assert_int_equal(r.operation, MRL_UNLOCK_OPEN);
    assert_int_equal(r.kind, MRL_UNLOCK_PKCS11);
    assert_bytes_equal(r.module, q.module);
    assert_bytes_equal(r.token, q.token);
    assert_bytes_equal(r.key, q.key);
    assert_bytes_equal(r.pin, q.pin);
    assert_bytes_equal(r.blob, q.blob);
}

static void every_cut_and_every_added_byte_is_malformed(void **state)
{
    const struct mrl_unlock_request q = {.operation = MRL_UNLOCK_MAKE,
                                         .kind = MRL_UNLOCK_TPM,
                                         .tcti = MRL_LIT("device:/dev/tpmrm0")};
    mrl_bytes whole = written(&q);
    struct mrl_unlock_request r;

    (void)state;
    assert_ok(mrl_unlock_read_request(whole, &r));
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(mrl_unlock_read_request(mrl_bytes_sub(whole, 0, len), &r),
                         MRL_ERR_MALFORMED);
    memory[whole.len] = 0;
    assert_int_equal(mrl_unlock_read_request(mrl_bytes_of(memory, whole.len + 1), &r),
                     MRL_ERR_MALFORMED);
}

static void what_is_not_in_the_protocol_is_malformed(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } changes[] = {{0, 1}, {1, 'x'}, {2, MRL_UNLOCK_FILE}, {2, 0}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(changes); i++) {
        const struct mrl_unlock_request q = {MRL_UNLOCK_MAKE, MRL_UNLOCK_TPM};
        mrl_bytes message = written(&q);
        struct mrl_unlock_request r;

        memory[changes[i].at] = changes[i].byte;
        assert_int_equal(mrl_unlock_read_request(message, &r), MRL_ERR_MALFORMED);
    }
}

static mrl_err read_with(mrl_bytes token, mrl_bytes blob, enum mrl_unlock_operation operation)
{
    const struct mrl_unlock_request q = {
        .operation = operation, .kind = MRL_UNLOCK_PKCS11, .token = token, .blob = blob};
    struct mrl_unlock_request r;

    return mrl_unlock_read_request(written(&q), &r);
}

static void texts_and_blobs_hold_their_limits(void **state)
{
    static uint8_t text[MRL_UNLOCK_BLOB_MAX + 1];
    mrl_bytes none = MRL_BYTES_NONE;

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_ok(read_with(mrl_bytes_of(text, MRL_UNLOCK_TEXT_MAX), none, MRL_UNLOCK_OPEN));
    assert_int_equal(read_with(mrl_bytes_of(text, MRL_UNLOCK_TEXT_MAX + 1), none, MRL_UNLOCK_OPEN),
                     MRL_ERR_MALFORMED);
    assert_ok(read_with(none, mrl_bytes_of(text, MRL_UNLOCK_BLOB_MAX), MRL_UNLOCK_OPEN));
    assert_int_equal(read_with(none, mrl_bytes_of(text, sizeof(text)), MRL_UNLOCK_OPEN),
                     MRL_ERR_MALFORMED);
    assert_int_equal(read_with(MRL_LIT("a\0b"), none, MRL_UNLOCK_OPEN), MRL_ERR_MALFORMED);
    assert_int_equal(read_with(none, MRL_LIT("b"), MRL_UNLOCK_MAKE), MRL_ERR_MALFORMED);
}

static mrl_err read_signing(enum mrl_unlock_operation operation, mrl_bytes data)
{
    const struct mrl_unlock_request q = {
        .operation = operation, .kind = MRL_UNLOCK_PKCS11, .data = data};
    struct mrl_unlock_request r;

    return mrl_unlock_read_request(written(&q), &r);
}

static void what_is_signed_and_what_is_made_is_bounded(void **state)
{
    static uint8_t data[MRL_UNLOCK_BLOB_MAX + 1];

    (void)state;
    assert_ok(read_signing(MRL_UNLOCK_SIGN, mrl_bytes_of(data, MRL_UNLOCK_BLOB_MAX)));
    assert_int_equal(read_signing(MRL_UNLOCK_SIGN, mrl_bytes_of(data, sizeof(data))),
                     MRL_ERR_MALFORMED);
    assert_int_equal(read_signing(MRL_UNLOCK_SIGN, MRL_BYTES_NONE), MRL_ERR_MALFORMED);
    assert_ok(read_signing(MRL_UNLOCK_HOLD, MRL_BYTES_NONE));
    assert_int_equal(read_signing(MRL_UNLOCK_HOLD, MRL_LIT("x")), MRL_ERR_MALFORMED);
    assert_ok(read_signing(MRL_UNLOCK_MAKE_KEY, MRL_LIT("\x01")));
    assert_ok(read_signing(MRL_UNLOCK_MAKE_KEY, MRL_LIT("\x03")));
    assert_int_equal(read_signing(MRL_UNLOCK_MAKE_KEY, MRL_LIT("\x00")), MRL_ERR_MALFORMED);
    assert_int_equal(read_signing(MRL_UNLOCK_MAKE_KEY, MRL_LIT("\x04")), MRL_ERR_MALFORMED);
    assert_int_equal(read_signing(MRL_UNLOCK_MAKE_KEY, MRL_LIT("\x01\x01")), MRL_ERR_MALFORMED);
}

static void what_was_made_is_named_and_shown(void **state)
{
    const struct mrl_unlock_made m = {MRL_LIT("merlon-issuing-2"), MRL_LIT("spki")};
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_unlock_made r;

    (void)state;
    assert_ok(mrl_unlock_write_made(&m, &w));
    assert_ok(mrl_unlock_read_made(mrl_bytes_of(w.data, w.len), &r));
    assert_bytes_equal(r.reference, m.reference);
    assert_bytes_equal(r.spki, m.spki);
    for (size_t len = 0; len < w.len; len++)
        assert_int_equal(mrl_unlock_read_made(mrl_bytes_of(memory, len), &r), MRL_ERR_MALFORMED);
}

static void an_answer_is_an_error_class_and_its_content(void **state)
{
    const struct mrl_unlock_answer a = {MRL_ERR_AUTH, MRL_LIT("the PIN is wrong")};
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_unlock_answer r;

    (void)state;
    assert_ok(mrl_unlock_write_answer(&a, &w));
    assert_ok(mrl_unlock_read_answer(mrl_bytes_of(w.data, w.len), &r));
    assert_int_equal(r.err, MRL_ERR_AUTH);
    assert_bytes_equal(r.content, a.content);
    for (size_t len = 0; len < w.len; len++)
        assert_int_equal(mrl_unlock_read_answer(mrl_bytes_of(memory, len), &r), MRL_ERR_MALFORMED);
    memory[0] = MRL_ERR_COUNT_;
    assert_int_equal(mrl_unlock_read_answer(mrl_bytes_of(w.data, w.len), &r), MRL_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_read_as_it_was_written),
        cmocka_unit_test(every_cut_and_every_added_byte_is_malformed),
        cmocka_unit_test(what_is_not_in_the_protocol_is_malformed),
        cmocka_unit_test(texts_and_blobs_hold_their_limits),
        cmocka_unit_test(what_is_signed_and_what_is_made_is_bounded),
        cmocka_unit_test(what_was_made_is_named_and_shown),
        cmocka_unit_test(an_answer_is_an_error_class_and_its_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
