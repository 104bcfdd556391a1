/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/witness/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/unit.h"

void fixture_state_init(struct fixture_state *s)
{
    (void)snprintf(s->path, sizeof(s->path), "/tmp/witness-test-XXXXXX");
    assert_non_null(mkdtemp(s->path));
    assert_ok(mrl_witness_folder_open(s->path, /*make=*/false, &s->folder, NULL));
}

void fixture_state_reopen(struct fixture_state *s)
{
    mrl_witness_folder_done(&s->folder);
    assert_ok(mrl_witness_folder_open(s->path, /*make=*/false, &s->folder, NULL));
}

void fixture_state_done(struct fixture_state *s)
{
    DIR *folder = opendir(s->path);

    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder)) != NULL;)
        if (e->d_name[0] != '.')
            assert_int_equal(
                unlinkat(dirfd(folder), e->d_name, e->d_type == DT_DIR ? AT_REMOVEDIR : 0), 0);
    (void)closedir(folder); /* only read */
    mrl_witness_folder_done(&s->folder);
    assert_int_equal(rmdir(s->path), 0);
}

static mrl_err read_leaves(void *context, struct mrl_tlog_tile tile, mrl_bytes *hashes)
{
    assert_int_equal(tile.level, 0);
    *hashes = mrl_bytes_of(context, FIXTURE_ENTRIES * sizeof(struct mrl_tlog_hash));
    return MRL_OK;
}

void fixture_step(uint64_t seed, const char *origin, uint64_t old, uint64_t size,
                  struct fixture_step *out)
{
    struct mrl_tlog_hash leaves[FIXTURE_ENTRIES];
    const struct mrl_tlog_tiles tiles = {read_leaves, leaves};

    for (uint64_t i = 0; i < FIXTURE_ENTRIES; i++)
        leaves[i] = fixture_leaf(seed * 1000 + i);
    *out = (struct fixture_step){.add.old = old,
                                 .checkpoint = {.origin = mrl_str(origin), .size = size}};
    assert_ok(mrl_tlog_tiles_root(&tiles, size, &out->checkpoint.root));
    if (old <= size)
        assert_ok(mrl_tlog_prove_consistency(&tiles, old, size, &out->add.proof));
}

void fixture_body(const struct fixture_signer *signer, const struct fixture_step *step,
                  struct mrl_buf *out)
{
    struct mrl_add_checkpoint add = step->add;
    char memory[MRL_CHECKPOINT_TEXT_MAX];
    MRL_SCOPED(mrl_buf) note = {0};
    mrl_bytes text;

    assert_ok(mrl_checkpoint_text(&step->checkpoint, memory, &text));
    fixture_sign(signer, text, 0, &note);
    add.note = mrl_buf_bytes(&note);
    assert_ok(mrl_add_checkpoint_write(&add, out));
}
