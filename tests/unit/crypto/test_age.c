/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/age.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/unit/crypto/fixtures.h"

enum { LONG = 2 * MRL_AGE_CHUNK + 77 };

struct world {
    struct mrl_secret *identity;
    struct mrl_age_recipient recipient;
    struct mrl_buf sealed;
    struct mrl_buf opened;
};

static mrl_err append(void *context, mrl_bytes data)
{
    return mrl_buf_append(context, data);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return -1;
    *state = w;
    assert_ok(mrl_age_identity_new(&w->identity));
    assert_ok(mrl_age_identity_recipient(w->identity, &w->recipient));
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    mrl_secret_free(w->identity);
    mrl_buf_done(&w->sealed);
    mrl_buf_done(&w->opened);
    free(w);
    return 0;
}

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void seal(struct world *w, size_t len)
{
    MRL_AUTO(mrl_age_writer) writer = NULL;
    struct mrl_age_sink to = {append, &w->sealed};

    mrl_buf_clear(&w->sealed);
    assert_ok(mrl_age_writer_new(&w->recipient, 1, to, &writer));
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = pattern(i);

        assert_ok(mrl_age_write(writer, mrl_bytes_of(&byte, 1)));
    }
    assert_ok(mrl_age_writer_end(writer));
}

static mrl_err open_as(struct world *w, const struct mrl_secret *identity, mrl_bytes file)
{
    MRL_AUTO(mrl_age_reader) reader = NULL;
    struct mrl_age_sink to = {append, &w->opened};

    mrl_buf_clear(&w->opened);
    MRL_TRY(mrl_age_reader_new(identity, to, &reader));
    MRL_TRY(mrl_age_read(reader, file));
    return mrl_age_reader_end(reader);
}

static void assert_opened(const struct world *w, size_t len)
{
    assert_int_equal(w->opened.len, len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(w->opened.data[i], pattern(i));
}

static void what_was_sealed_opens(void **state)
{
    static const size_t sizes[] = {0, 1, MRL_AGE_CHUNK - 1, MRL_AGE_CHUNK, MRL_AGE_CHUNK + 1, LONG};
    struct world *w = *state;

    for (size_t i = 0; i < MRL_COUNT(sizes); i++) {
        seal(w, sizes[i]);
        assert_ok(open_as(w, w->identity, mrl_buf_bytes(&w->sealed)));
        assert_opened(w, sizes[i]);
    }
}

static void a_changed_byte_releases_nothing_of_its_chunk(void **state)
{
    struct world *w = *state;
    size_t payload, whole;

    seal(w, LONG);
    payload = w->sealed.len - (LONG + 3 * 16);
    for (size_t i = 0; i < w->sealed.len; i += i < payload + 40 ? 1 : 4093) {
        w->sealed.data[i] ^= 1;
        assert_int_not_equal(open_as(w, w->identity, mrl_buf_bytes(&w->sealed)), MRL_OK);
        w->sealed.data[i] ^= 1;
        whole = i < payload ? 0 : (i - payload) / (MRL_AGE_CHUNK + 16) * MRL_AGE_CHUNK;
        assert_opened(w, whole);
    }
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    struct world *w = *state;

    seal(w, LONG);
    for (size_t len = 0; len < w->sealed.len; len += len < 250 ? 1 : 1021)
        assert_int_not_equal(open_as(w, w->identity, mrl_bytes_of(w->sealed.data, len)), MRL_OK);
    for (size_t chunks = 1; chunks <= 2; chunks++) {
        size_t len = w->sealed.len - (LONG + 3 * 16) + chunks * (MRL_AGE_CHUNK + 16);

        assert_int_equal(open_as(w, w->identity, mrl_bytes_of(w->sealed.data, len)),
                         MRL_ERR_CRYPTO);
        assert_opened(w, (chunks - 1) * MRL_AGE_CHUNK);
    }
}

static void bytes_behind_the_end_are_refused(void **state)
{
    struct world *w = *state;

    seal(w, MRL_AGE_CHUNK);
    assert_ok(mrl_buf_append(&w->sealed, MRL_LIT("x")));
    assert_int_equal(open_as(w, w->identity, mrl_buf_bytes(&w->sealed)), MRL_ERR_CRYPTO);
    assert_int_equal(w->opened.len, 0);
}

static void another_identity_is_told_so(void **state)
{
    MRL_AUTO(mrl_secret) other = NULL;
    struct world *w = *state;

    assert_ok(mrl_age_identity_new(&other));
    seal(w, 10);
    assert_int_equal(open_as(w, other, mrl_buf_bytes(&w->sealed)), MRL_ERR_AUTH);
    assert_int_equal(w->opened.len, 0);
}

static void recipients_have_a_limit(void **state)
{
    struct mrl_age_recipient many[MRL_AGE_RECIPIENTS_MAX + 1];
    MRL_AUTO(mrl_age_writer) writer = NULL;
    struct world *w = *state;
    struct mrl_age_sink to = {append, &w->sealed};

    for (size_t i = 0; i < MRL_COUNT(many); i++)
        many[i] = w->recipient;
    assert_int_equal(mrl_age_writer_new(many, 0, to, &writer), MRL_ERR_INVALID);
    assert_int_equal(mrl_age_writer_new(many, MRL_COUNT(many), to, &writer), MRL_ERR_INVALID);
    assert_ok(mrl_age_writer_new(many, MRL_AGE_RECIPIENTS_MAX, to, &writer));
    assert_ok(mrl_age_writer_end(writer));
    assert_ok(open_as(w, w->identity, mrl_buf_bytes(&w->sealed)));
}

static void a_recipient_of_low_order_is_refused(void **state)
{
    struct mrl_age_recipient zero = {{0}};
    MRL_AUTO(mrl_age_writer) writer = NULL;
    struct world *w = *state;

    assert_int_equal(
        mrl_age_writer_new(&zero, 1, (struct mrl_age_sink){append, &w->sealed}, &writer),
        MRL_ERR_CRYPTO);
    assert_int_equal(w->sealed.len, 0);
}

static void a_header_has_a_limit(void **state)
{
    struct world *w = *state;
    MRL_SCOPED(mrl_buf) file = {0};

    assert_ok(mrl_buf_append(&file, MRL_LIT("age-encryption.org/v1\n-> ")));
    while (file.len < MRL_AGE_HEADER_MAX - 1)
        assert_ok(mrl_buf_append(&file, MRL_LIT("x")));
    assert_int_equal(open_as(w, w->identity, mrl_buf_bytes(&file)), MRL_ERR_MALFORMED);
    assert_ok(mrl_buf_append(&file, MRL_LIT("x")));
    assert_int_equal(open_as(w, w->identity, mrl_buf_bytes(&file)), MRL_ERR_LIMIT);
}

static void headers_that_are_wrong(void **state)
{
    static const char *const wrong[] = {
        "",
        "age-encryption.org/v2\n",
        "age-encryption.org/v1\r\n",
        "age-encryption.org/v1\n---\n0123456789abcdef",
        "age-encryption.org/v1\n--- \n0123456789abcdef",
        "age-encryption.org/v1\n-> \n\n--- x\n0123456789abcdef",
        "age-encryption.org/v1\n-> X25519  x\n\n--- x\n0123456789abcdef",
        "age-encryption.org/v1\n-> X25519 x\n===\n--- x\n0123456789abcdef",
        "age-encryption.org/v1\n-> other x\n--- x\n0123456789abcdef",
    };
    struct world *w = *state;

    for (size_t i = 0; i < MRL_COUNT(wrong); i++)
        assert_int_equal(open_as(w, w->identity, mrl_str(wrong[i])), MRL_ERR_MALFORMED);
}

static void identities_are_read_from_their_file(void **state)
{
    MRL_AUTO(mrl_secret) line = NULL;
    MRL_AUTO(mrl_secret) back = NULL;
    MRL_SCOPED(mrl_buf) file = {0};
    struct world *w = *state;

    assert_ok(mrl_age_identity_write(w->identity, &line));
    assert_ok(mrl_buf_append(&file, MRL_LIT("# a comment\n\n")));
    assert_int_equal(mrl_age_identity_read(mrl_buf_bytes(&file), &back), MRL_ERR_MALFORMED);
    assert_ok(mrl_buf_append(&file, mrl_secret_bytes(line)));
    assert_ok(mrl_age_identity_read(mrl_buf_bytes(&file), &back));
    assert_true(mrl_secret_eq(mrl_secret_bytes(back), mrl_secret_bytes(w->identity)));
    assert_ok(mrl_buf_append(&file, MRL_LIT("\n")));
    assert_ok(mrl_buf_append(&file, mrl_secret_bytes(line)));
    assert_int_equal(mrl_age_identity_read(mrl_buf_bytes(&file), &back), MRL_ERR_MALFORMED);
}

static mrl_err full(void *context, mrl_bytes data)
{
    size_t *room = context;

    MRL_ENSURE(data.len <= *room, MRL_ERR_NO_SPACE);
    *room -= data.len;
    return MRL_OK;
}

static void the_error_of_a_sink_stays(void **state)
{
    static const uint8_t data[3 * MRL_AGE_CHUNK];
    MRL_AUTO(mrl_age_writer) writer = NULL;
    struct world *w = *state;
    size_t room = MRL_AGE_CHUNK;

    assert_ok(mrl_age_writer_new(&w->recipient, 1, (struct mrl_age_sink){full, &room}, &writer));
    assert_int_equal(mrl_age_write(writer, mrl_bytes_of(data, sizeof(data))), MRL_ERR_NO_SPACE);
    assert_int_equal(mrl_age_writer_end(writer), MRL_ERR_NO_SPACE);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(what_was_sealed_opens),
        WITH_WORLD(a_changed_byte_releases_nothing_of_its_chunk),
        WITH_WORLD(a_file_cut_anywhere_is_refused),
        WITH_WORLD(bytes_behind_the_end_are_refused),
        WITH_WORLD(another_identity_is_told_so),
        WITH_WORLD(recipients_have_a_limit),
        WITH_WORLD(a_recipient_of_low_order_is_refused),
        WITH_WORLD(a_header_has_a_limit),
        WITH_WORLD(headers_that_are_wrong),
        WITH_WORLD(identities_are_read_from_their_file),
        WITH_WORLD(the_error_of_a_sink_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
