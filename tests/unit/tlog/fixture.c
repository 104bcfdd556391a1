/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tlog/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/writer.h"
#include "tests/unit/unit.h"

struct mrl_tlog_hash fixture_leaf(uint64_t i)
{
    uint8_t bytes[8];
    struct mrl_writer w = mrl_writer_on(bytes, sizeof(bytes));
    struct mrl_tlog_hash leaf;

    mrl_put_u64(&w, i);
    assert_ok(mrl_tlog_leaf(mrl_bytes_of(bytes, sizeof(bytes)), &leaf));
    return leaf;
}

struct mrl_tlog_hash fixture_mth(const struct mrl_tlog_hash *leaves, uint64_t count)
{
    struct mrl_tlog_hash left, right;
    uint64_t k = 1;

    if (count == 1)
        return leaves[0];
    while (2 * k < count)
        k *= 2;
    left = fixture_mth(leaves, k);
    right = fixture_mth(leaves + k, count - k);
    assert_ok(mrl_tlog_node(&left, &right, &left));
    return left;
}

void fixture_log_init(struct fixture_log *log)
{
    uint64_t count = FIXTURE_LEAVES;

    *log = (struct fixture_log){0};
    for (size_t level = 0; level < FIXTURE_FULL_LEVELS; level++, count /= MRL_TLOG_WIDTH) {
        log->levels[level] = calloc(count, sizeof(struct mrl_tlog_hash));
        assert_non_null(log->levels[level]);
        for (uint64_t i = 0; i < count; i++)
            log->levels[level][i] =
                level == 0
                    ? fixture_leaf(i)
                    : fixture_mth(&log->levels[level - 1][i * MRL_TLOG_WIDTH], MRL_TLOG_WIDTH);
    }
}

void fixture_log_done(struct fixture_log *log)
{
    for (size_t level = 0; level < FIXTURE_FULL_LEVELS; level++)
        free(log->levels[level]);
}

static mrl_err read_tile(void *context, struct mrl_tlog_tile tile, mrl_bytes *hashes)
{
    struct fixture_log *log = context;

    assert_true(tile.level < FIXTURE_FULL_LEVELS);
    assert_int_equal(tile.width, mrl_tlog_tile_width(tile.level, tile.index, log->size));
    assert_true(tile.width > 0);
    memcpy(log->tile, &log->levels[tile.level][tile.index * MRL_TLOG_WIDTH],
           tile.width * sizeof(struct mrl_tlog_hash));
    *hashes = mrl_bytes_of(log->tile, (tile.width - log->cut) * sizeof(struct mrl_tlog_hash));
    log->reads++;
    return MRL_OK;
}

struct mrl_tlog_tiles fixture_tiles(struct fixture_log *log, uint64_t size)
{
    log->size = size;
    return (struct mrl_tlog_tiles){read_tile, log};
}

void fixture_signer_init(struct fixture_signer *s, const char *name, enum mrl_note_kind kind)
{
    MRL_SCOPED(mrl_buf) spki = {0};

    *s = (struct fixture_signer){0};
    assert_ok(mrl_key_generate(MRL_KEY_ED25519, &s->key, NULL));
    assert_ok(mrl_key_to_spki(s->key, &spki));
    assert_ok(mrl_note_key_make(
        mrl_str(name), kind, mrl_bytes_sub(mrl_buf_bytes(&spki), spki.len - 32, 32), &s->public));
}

void fixture_signer_done(struct fixture_signer *s)
{
    mrl_key_free(s->key);
    mrl_note_key_done(&s->public);
}

void fixture_sign(const struct fixture_signer *s, mrl_bytes text, uint64_t time,
                  struct mrl_buf *note)
{
    MRL_SCOPED(mrl_buf) message = {0};
    MRL_SCOPED(mrl_buf) signature = {0};
    uint8_t stamp[8];
    struct mrl_writer w = mrl_writer_on(stamp, sizeof(stamp));

    if (note->len == 0) {
        assert_ok(mrl_buf_append(note, text));
        assert_ok(mrl_buf_append(note, MRL_LIT("\n")));
    }
    if (s->public.kind == MRL_NOTE_COSIGNATURE) {
        mrl_put_u64(&w, time);
        assert_ok(mrl_buf_append(&signature, mrl_bytes_of(stamp, sizeof(stamp))));
        assert_ok(mrl_cosignature_message(text, time, &message));
    } else {
        assert_ok(mrl_buf_append(&message, text));
    }
    assert_ok(mrl_key_sign(s->key, mrl_buf_bytes(&message), &signature));
    assert_ok(mrl_note_put_signature(note, mrl_str(s->public.name), s->public.id,
                                     mrl_buf_bytes(&signature)));
}
