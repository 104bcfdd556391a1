/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/backup.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "audit/audit.h"
#include "tests/unit/store/fixture.h"

struct world {
    struct place place;
    struct mrl_store *store;
    struct mrl_backup *backup;
    struct mrl_secret *identity;
    struct mrl_age_recipient recipient;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return -1;
    *state = w;
    place_make(&w->place);
    w->store = store_at(&w->place, &mrl_audit_migrations, (struct mrl_store_options){0});
    assert_ok(mrl_backup_new(w->store, w->place.folder, "1.2.3", &w->backup));
    assert_ok(mrl_age_identity_new(&w->identity));
    assert_ok(mrl_age_identity_recipient(w->identity, &w->recipient));
    return 0;
}

/* Removing the folder fails when anything was left in it. */
static int teardown(void **state)
{
    struct world *w = *state;

    mrl_backup_free(w->backup);
    mrl_store_close(w->store);
    mrl_secret_free(w->identity);
    place_remove(&w->place);
    free(w);
    return 0;
}

static mrl_err append(void *context, mrl_bytes data)
{
    return mrl_buf_append(context, data);
}

static struct mrl_backup_facts make(struct world *w)
{
    struct mrl_backup_facts facts;
    struct mrl_why why = {""};

    if (mrl_backup_make(w->backup, &w->recipient, 1, &facts, &why) != MRL_OK)
        fail_msg("%s", why.text);
    return facts;
}

static void fetch(struct world *w, const struct mrl_backup_facts *f, struct mrl_buf *out)
{
    size_t before;

    do {
        before = out->len;
        assert_ok(mrl_backup_read(w->backup, mrl_str(f->id), before, out, NULL));
        assert_true(out->len - before <= MRL_BACKUP_PIECE);
    } while (out->len > before);
}

static void grow_above_a_piece(struct world *w)
{
    assert_ok(store_exec(w->store, "CREATE TABLE ballast (content BLOB)", NULL, 0));
    assert_ok(store_exec(w->store, "INSERT INTO ballast VALUES (zeroblob(3000000))", NULL, 0));
}

static void what_is_fetched_in_pieces_opens_and_is_what_the_facts_say(void **state)
{
    struct world *w = *state;
    MRL_AUTO(mrl_age_reader) reader = NULL;
    MRL_SCOPED(mrl_buf) file = {0};
    MRL_SCOPED(mrl_buf) plain = {0};
    uint8_t digest[MRL_SHA256_SIZE];
    struct mrl_backup_facts facts;

    grow_above_a_piece(w);
    facts = make(w);
    fetch(w, &facts, &file);
    assert_int_equal(file.len, facts.size);
    assert_ok(mrl_sha256(mrl_buf_bytes(&file), digest));
    assert_memory_equal(digest, facts.sha256, sizeof(digest));
    assert_ok(mrl_age_reader_new(w->identity, (struct mrl_age_sink){append, &plain}, &reader));
    assert_ok(mrl_age_read(reader, mrl_buf_bytes(&file)));
    assert_ok(mrl_age_reader_end(reader));
    assert_true(mrl_bytes_starts(mrl_buf_bytes(&plain), MRL_LIT(MRL_BACKUP_MANIFEST)));
    assert_true(plain.len > facts.database_size && facts.database_size > 3000000);
}

static void only_the_newest_is_given_out(void **state)
{
    struct world *w = *state;
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_backup_facts first = make(w);
    struct mrl_backup_facts second = make(w);
    mrl_bytes id = mrl_str(second.id);

    assert_int_equal(mrl_backup_read(w->backup, mrl_str(first.id), 0, &out, NULL),
                     MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_backup_read(w->backup, MRL_BYTES_NONE, 0, &out, NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_backup_drop(w->backup, mrl_str(first.id), NULL), MRL_ERR_NOT_FOUND);
    assert_ok(mrl_backup_read(w->backup, id, 0, &out, NULL));
    assert_ok(mrl_backup_drop(w->backup, id, NULL));
    assert_int_equal(mrl_backup_read(w->backup, id, 0, &out, NULL), MRL_ERR_NOT_FOUND);
}

static void nothing_is_left_of_one_that_fails(void **state)
{
    struct world *w = *state;
    struct mrl_age_recipient low_order = {{0}};
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_backup_facts before = make(w);
    struct mrl_backup_facts facts = {.size = 7};

    assert_int_equal(mrl_backup_make(w->backup, &low_order, 1, &facts, NULL), MRL_ERR_CRYPTO);
    assert_int_equal(facts.size, 7);
    assert_int_equal(mrl_backup_read(w->backup, mrl_str(before.id), 0, &out, NULL),
                     MRL_ERR_NOT_FOUND);
    (void)make(w);
}

static void try_with_files_of(struct world *w, rlim_t size)
{
    struct rlimit before, small;
    struct mrl_backup_facts facts;
    struct mrl_why why = {""};
    mrl_err err;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = size;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    err = mrl_backup_make(w->backup, &w->recipient, 1, &facts, &why);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err, MRL_ERR_NO_SPACE);
    assert_non_null(strstr(why.text, "backup."));
}

/* A limit on the size of files fails writes as a full disk does. */
static void a_disk_that_is_full_leaves_nothing(void **state)
{
    struct world *w = *state;
    struct mrl_backup_facts facts;

    grow_above_a_piece(w);
    facts = make(w);
    try_with_files_of(w, 1 << 20);             /* the copy does not fit */
    try_with_files_of(w, facts.database_size); /* the copy does, the archive does not */
    (void)make(w);
}

static void what_a_crash_left_is_removed(void **state)
{
    static const char *const names[] = {"backup.db", "backup.age"};
    struct world *w = *state;
    struct stat st;
    char path[128];

    for (size_t i = 0; i < MRL_COUNT(names); i++) {
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", w->place.folder, names[i]);
        f = fopen(path, "we");
        assert_non_null(f);
        (void)fclose(f);
    }
    mrl_backup_free(MRL_TAKE(w->backup));
    assert_ok(mrl_backup_new(w->store, w->place.folder, "1.2.3", &w->backup));
    for (size_t i = 0; i < MRL_COUNT(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", w->place.folder, names[i]);
        assert_int_equal(stat(path, &st), -1);
    }
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(what_is_fetched_in_pieces_opens_and_is_what_the_facts_say),
        WITH_WORLD(only_the_newest_is_given_out),
        WITH_WORLD(nothing_is_left_of_one_that_fails),
        WITH_WORLD(a_disk_that_is_full_leaves_nothing),
        WITH_WORLD(what_a_crash_left_is_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
