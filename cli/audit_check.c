/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_check.h"

#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"
#include "tlog/tree.h"

/* The tile of a level that is being filled with what was computed. */
struct level {
    uint64_t index;
    unsigned count;
    struct mrl_tlog_hash hashes[MRL_TLOG_WIDTH];
    struct mrl_tlog_tree tree; /* of these hashes */
};
struct run {
    struct mrl_audit_check *c;
    struct mrl_tlog_tree tree;
    struct level levels[MRL_TLOG_LEVELS]; /* of level 0 only the tree */
    size_t next_kept;
    uint64_t good; /* size of the last kept checkpoint that holds */
    struct mrl_buf tile, bundle;
};

static mrl_exit bad_range(const struct run *r, uint64_t first, uint64_t last, const char *what)
{
    if (first == last)
        return mrl_cli_fail(r->c->cli, MRL_EXIT_UNVERIFIED, "entry %llu: %s",
                            (unsigned long long)first, what);
    return mrl_cli_fail(r->c->cli, MRL_EXIT_UNVERIFIED, "entries %llu to %llu: %s",
                        (unsigned long long)first, (unsigned long long)last, what);
}

static mrl_exit no_crypto(const struct run *r)
{
    return mrl_cli_fail(r->c->cli, MRL_EXIT_REFUSED, "SHA-256 cannot be computed");
}

static bool same(const struct mrl_tlog_hash *a, const void *b)
{
    return memcmp(a->bytes, b, MRL_TLOG_HASH) == 0;
}

/* How many entries a hash of this level stands for. */
static uint64_t span(unsigned level)
{
    return 1ULL << (MRL_TLOG_TILE_HEIGHT * level);
}

static mrl_exit read_hashes(struct run *r, unsigned level, uint64_t index, unsigned width)
{
    struct mrl_tlog_tile tile = {level, index, width};
    uint64_t first = index * MRL_TLOG_WIDTH * span(level) + 1;
    bool there;

    MRL_EXIT_TRY(mrl_audit_source_tile(r->c->source, tile, &r->tile, &there));
    return there
               ? MRL_EXIT_OK
               : bad_range(r, first, first + width * span(level) - 1, "no tile with their hashes");
}

/* Compares the tile as published with the one computed. */
static mrl_exit check_level(struct run *r, unsigned level)
{
    struct level *l = &r->levels[level];
    mrl_bytes published;

    MRL_EXIT_TRY(read_hashes(r, level, l->index, l->count));
    published = mrl_buf_bytes(&r->tile);
    for (unsigned i = 0; i < l->count; i++) {
        uint64_t at = (l->index * MRL_TLOG_WIDTH + i) * span(level);

        if (!same(&l->hashes[i], mrl_bytes_sub(published, i * MRL_TLOG_HASH, MRL_TLOG_HASH).data))
            return bad_range(r, at + 1, at + span(level), "not what the tiles stand for");
    }
    return MRL_EXIT_OK;
}

/* A hash of a full tile below: part of the tile of this level. */
static mrl_exit rise(struct run *r, unsigned level, struct mrl_tlog_hash hash)
{
    for (; level < MRL_TLOG_LEVELS; level++) {
        struct level *l = &r->levels[level];

        l->hashes[l->count++] = hash;
        if (mrl_tlog_tree_add(&l->tree, &hash) != MRL_OK)
            return no_crypto(r);
        if (l->count < MRL_TLOG_WIDTH)
            return MRL_EXIT_OK;
        MRL_EXIT_TRY(check_level(r, level));
        if (mrl_tlog_tree_root(&l->tree, &hash) != MRL_OK)
            return no_crypto(r);
        l->index++;
        l->count = 0;
        l->tree.size = 0;
    }
    return MRL_EXIT_OK;
}

static mrl_exit check_kept(struct run *r)
{
    struct mrl_tlog_hash root;
    char what[256];

    for (; r->next_kept < r->c->kept_count && r->c->kept[r->next_kept].at.size == r->tree.size;
         r->next_kept++) {
        const struct mrl_audit_kept *k = &r->c->kept[r->next_kept];

        if (mrl_tlog_tree_root(&r->tree, &root) != MRL_OK)
            return no_crypto(r);
        (void)snprintf(what, sizeof(what),
                       "not what the checkpoint in %.120s covers: the log was rewritten, or "
                       "others are shown another one",
                       k->path);
        if (!same(&root, k->at.root.bytes))
            return bad_range(r, r->good + 1, r->tree.size, what);
        r->good = r->tree.size;
    }
    return MRL_EXIT_OK;
}

static mrl_exit add_leaf(struct run *r, const struct mrl_tlog_hash *leaf)
{
    struct level *l = &r->levels[0];
    struct mrl_tlog_hash hash;

    if (mrl_tlog_tree_add(&r->tree, leaf) != MRL_OK || mrl_tlog_tree_add(&l->tree, leaf) != MRL_OK)
        return no_crypto(r);
    MRL_EXIT_TRY(check_kept(r));
    if (l->tree.size < MRL_TLOG_WIDTH)
        return MRL_EXIT_OK;
    if (mrl_tlog_tree_root(&l->tree, &hash) != MRL_OK)
        return no_crypto(r);
    l->tree.size = 0;
    return rise(r, 1, hash);
}

/* The text of an entry against its hash; without a text (rest NULL) only the hash counts. */
static mrl_exit check_entry(struct run *r, mrl_bytes *rest, const struct mrl_tlog_hash *leaf)
{
    struct mrl_tlog_hash computed;
    uint64_t seq = r->tree.size + 1;
    mrl_bytes entry;

    if (rest == NULL)
        return add_leaf(r, leaf);
    if (mrl_tlog_bundle_next(rest, &entry) != MRL_OK) /* counted before */
        return bad_range(r, seq, seq, "cut short");
    if (mrl_tlog_leaf(entry, &computed) != MRL_OK)
        return no_crypto(r);
    if (!same(&computed, leaf->bytes))
        return bad_range(r, seq, seq, "not what its tile was made of");
    return add_leaf(r, leaf);
}

/* Only the oldest may be without text. */
static mrl_exit note_pruned(struct run *r, bool there, unsigned width)
{
    uint64_t first = r->tree.size + 1;

    if (!there && r->c->first != first)
        return bad_range(r, first, r->tree.size + width, "missing");
    if (!there)
        r->c->first += width;
    return MRL_EXIT_OK;
}

static mrl_exit check_bundle(struct run *r, uint64_t index, unsigned width)
{
    struct mrl_tlog_tile bundle = {MRL_TLOG_ENTRIES, index, width};
    struct mrl_tlog_hash leaf;
    mrl_bytes rest;
    bool there;

    MRL_EXIT_TRY(mrl_audit_source_tile(r->c->source, bundle, &r->bundle, &there));
    MRL_EXIT_TRY(note_pruned(r, there, width));
    MRL_EXIT_TRY(read_hashes(r, 0, index, width));
    rest = mrl_buf_bytes(&r->bundle);
    for (unsigned i = 0; i < width; i++) {
        memcpy(leaf.bytes,
               mrl_bytes_sub(mrl_buf_bytes(&r->tile), i * MRL_TLOG_HASH, MRL_TLOG_HASH).data,
               MRL_TLOG_HASH);
        MRL_EXIT_TRY(check_entry(r, there ? &rest : NULL, &leaf));
    }
    return MRL_EXIT_OK;
}

static mrl_exit check_bundles(struct run *r)
{
    uint64_t size = r->c->to.size;
    struct mrl_cli_progress progress = {r->c->cli, "entries verified", size, 0};
    mrl_exit code = check_kept(r); /* an empty one */
    unsigned width;

    for (uint64_t i = 0; code == MRL_EXIT_OK && (width = mrl_tlog_tile_width(0, i, size)) > 0;
         i++) {
        code = check_bundle(r, i, width);
        mrl_cli_progress(&progress, r->tree.size);
    }
    mrl_cli_progress_end(&progress);
    return code;
}

static mrl_exit check_end(struct run *r)
{
    struct mrl_tlog_hash root;

    for (unsigned level = 1; level < MRL_TLOG_LEVELS; level++)
        if (r->levels[level].count > 0)
            MRL_EXIT_TRY(check_level(r, level));
    if (mrl_tlog_tree_root(&r->tree, &root) != MRL_OK)
        return no_crypto(r);
    if (same(&root, r->c->to.root.bytes))
        return MRL_EXIT_OK;
    return bad_range(r, r->good + 1, r->c->to.size, "not what the log's key signed");
}

static mrl_exit check_sizes(const struct mrl_audit_check *c)
{
    const struct mrl_audit_kept *last = c->kept_count > 0 ? &c->kept[c->kept_count - 1] : NULL;

    if (last == NULL || last->at.size <= c->to.size)
        return MRL_EXIT_OK;
    return mrl_cli_fail(c->cli, MRL_EXIT_UNVERIFIED,
                        "the log ends at entry %llu, but the checkpoint in %s covers %llu: it was "
                        "cut or rolled back",
                        (unsigned long long)c->to.size, last->path,
                        (unsigned long long)last->at.size);
}

mrl_exit mrl_audit_check_run(struct mrl_audit_check *c)
{
    struct run *r;
    mrl_exit code = check_sizes(c);

    if (code != MRL_EXIT_OK)
        return code;
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        abort();
    r->c = c;
    c->first = 1;
    code = check_bundles(r);
    if (code == MRL_EXIT_OK)
        code = check_end(r);
    mrl_buf_done(&r->tile);
    mrl_buf_done(&r->bundle);
    free(r);
    return code;
}
