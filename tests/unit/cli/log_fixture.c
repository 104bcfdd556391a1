/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cli/log_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/file.h"
#include "tests/unit/unit.h"
#include "tlog/tree.h"

void log_folder_path(const struct log_folder *f, const char *below, char to[static 128])
{
    assert_true(snprintf(to, 128, "%s/%s", f->dir, below) < 128);
}

void log_folder_write(const struct log_folder *f, const char *below, mrl_bytes data)
{
    struct mrl_cli cli = {0};
    char path[128];

    log_folder_path(f, below, path);
    assert_int_equal(mrl_cli_file_folders(&cli, path), MRL_EXIT_OK);
    assert_int_equal(mrl_cli_file_replace(&cli, path, 0600, data, /*sync=*/false), MRL_EXIT_OK);
}

void log_folder_remove(const struct log_folder *f, const char *below)
{
    char path[128];

    log_folder_path(f, below, path);
    assert_int_equal(unlink(path), 0);
}

void log_folder_flip(const struct log_folder *f, const char *below, size_t at)
{
    MRL_SCOPED(mrl_buf) data = {0};
    struct mrl_cli cli = {0};
    char path[128];

    log_folder_path(f, below, path);
    assert_int_equal(mrl_cli_file_read_max(&cli, path, MRL_AUDIT_BUNDLE_MAX, &data, NULL),
                     MRL_EXIT_OK);
    assert_true(at < data.len);
    data.data[at] ^= 1;
    log_folder_write(f, below, mrl_buf_bytes(&data));
}

static mrl_bytes entry(uint64_t seq, char to[static 32])
{
    (void)snprintf(to, 32, "entry %llu", (unsigned long long)seq);
    return mrl_str(to);
}

static void tree_of(uint64_t first, uint64_t last, struct mrl_tlog_hash *out)
{
    struct mrl_tlog_tree tree = {0};
    struct mrl_tlog_hash leaf;
    char text[32];

    for (uint64_t seq = first; seq <= last; seq++) {
        assert_ok(mrl_tlog_leaf(entry(seq, text), &leaf));
        assert_ok(mrl_tlog_tree_add(&tree, &leaf));
    }
    assert_ok(mrl_tlog_tree_root(&tree, out));
}

static void write_bundle(const struct log_folder *f, uint64_t index, unsigned width)
{
    MRL_SCOPED(mrl_buf) bundle = {0};
    MRL_SCOPED(mrl_buf) hashes = {0};
    char path[MRL_TLOG_PATH_MAX], text[32];
    struct mrl_tlog_hash leaf;

    for (unsigned i = 0; i < width; i++) {
        mrl_bytes e = entry(index * MRL_TLOG_WIDTH + i + 1, text);
        const uint8_t len[2] = {0, (uint8_t)e.len};

        assert_ok(mrl_buf_append(&bundle, mrl_bytes_of(len, sizeof(len))));
        assert_ok(mrl_buf_append(&bundle, e));
        assert_ok(mrl_tlog_leaf(e, &leaf));
        assert_ok(mrl_buf_append(&hashes, mrl_bytes_of(leaf.bytes, sizeof(leaf.bytes))));
    }
    mrl_tlog_tile_path((struct mrl_tlog_tile){MRL_TLOG_ENTRIES, index, width}, path);
    log_folder_write(f, path, mrl_buf_bytes(&bundle));
    mrl_tlog_tile_path((struct mrl_tlog_tile){0, index, width}, path);
    log_folder_write(f, path, mrl_buf_bytes(&hashes));
}

void log_folder_checkpoint(const struct log_folder *f, uint64_t size, struct mrl_checkpoint *out,
                           struct mrl_buf *note)
{
    char text[MRL_CHECKPOINT_TEXT_MAX];
    mrl_bytes view;

    *out = (struct mrl_checkpoint){.origin = mrl_str(f->signer.public.name), .size = size};
    tree_of(1, size, &out->root);
    assert_ok(mrl_checkpoint_text(out, text, &view));
    fixture_sign(&f->signer, view, 0, note);
}

void log_folder_init(struct log_folder *f)
{
    struct mrl_tlog_hash above;

    *f = (struct log_folder){.dir = "/tmp/merlon-log-XXXXXX"};
    assert_non_null(mkdtemp(f->dir));
    f->source = (struct mrl_audit_source){.cli = &f->cli, .dir = f->dir};
    fixture_signer_init(&f->signer, "acme/merlon-audit", MRL_NOTE_ED25519);
    assert_ok(mrl_note_key_format(&f->signer.public, f->vkey));
    write_bundle(f, 0, MRL_TLOG_WIDTH);
    write_bundle(f, 1, LOG_SIZE - MRL_TLOG_WIDTH);
    tree_of(1, MRL_TLOG_WIDTH, &above);
    log_folder_write(f, "tile/1/000.p/1", mrl_bytes_of(above.bytes, sizeof(above.bytes)));
    log_folder_checkpoint(f, LOG_SIZE, &f->at, &f->note);
    log_folder_write(f, "checkpoint", mrl_buf_bytes(&f->note));
}

static void remove_below(const char *dir)
{
    const struct dirent *e;
    DIR *d = opendir(dir);
    char path[128];

    assert_non_null(d);
    while ((e = readdir(d)) != NULL) { /* NOLINT(concurrency-mt-unsafe): the only thread */
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        assert_true(snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < (int)sizeof(path));
        if (unlink(path) != 0)
            remove_below(path);
    }
    assert_int_equal(closedir(d), 0);
    assert_int_equal(rmdir(dir), 0);
}

void log_folder_done(struct log_folder *f)
{
    remove_below(f->dir);
    fixture_signer_done(&f->signer);
    mrl_audit_source_done(&f->source);
    mrl_buf_done(&f->note);
}
