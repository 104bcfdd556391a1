/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/store/fixture.h"

static const struct mrl_migration one[] = {
    {"test", 1, "CREATE TABLE first (id INTEGER)"},
};
static const struct mrl_migration three[] = {
    {"test", 1, "CREATE TABLE first (id INTEGER)"},
    {"test", 2, "CREATE TABLE second (id INTEGER); INSERT INTO second VALUES (1), (2)"},
    {"other", 1, "ALTER TABLE second ADD COLUMN name TEXT"},
};
static const struct mrl_migration broken[] = {
    {"test", 1, "CREATE TABLE first (id INTEGER)"},
    {"test", 2, "CREATE TABLE half (id INTEGER); INSERT INTO missing VALUES (1)"},
};
static const struct mrl_migration ending[] = {
    {"test", 1, "CREATE TABLE first (id INTEGER)"},
    {"test", 2, "CREATE TABLE half (id INTEGER); ROLLBACK"},
};
static const struct mrl_migration gap[] = {
    {"test", 1, "CREATE TABLE first (id INTEGER)"},
    {"test", 3, "CREATE TABLE third (id INTEGER)"},
};
#define LIST(array) (&(const struct mrl_migration_list){(array), MRL_COUNT(array)})

static mrl_err try_open(const struct place *p, const struct mrl_migration_list *l,
                        struct mrl_why *why)
{
    struct mrl_store *s = NULL;
    struct mrl_store_options o = {.path = p->path, .migrations = l, .migrations_count = 1};
    mrl_err err = mrl_store_open(&o, &s, why);

    mrl_store_close(s);
    return err;
}

static int make(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    place_make(p);
    *state = p;
    return 0;
}

static int remove_all(void **state)
{
    place_remove(*state);
    free(*state);
    return 0;
}

static unsigned mode_of(const char *path, const char *end)
{
    char name[128];
    struct stat st;

    (void)snprintf(name, sizeof(name), "%s%s", path, end);
    assert_int_equal(stat(name, &st), 0);
    return st.st_mode & 07777;
}

static void files_are_for_the_owner_only(void **state)
{
    const struct place *p = *state;
    mode_t before = umask(0);
    struct mrl_store *s = store_at(p, LIST(one), (struct mrl_store_options){0});

    assert_int_equal(mode_of(p->path, ""), 0600);
    assert_int_equal(mode_of(p->path, "-wal"), 0600);
    assert_int_equal(mode_of(p->path, "-shm"), 0600);
    assert_int_equal(mode_of(p->path, ".lock"), 0600);
    mrl_store_close(s);
    (void)umask(before);
}

static void unsafe_files_and_folders_are_refused(void **state)
{
    const struct place *p = *state;
    struct place link;
    struct mrl_why why;

    assert_ok(try_open(p, LIST(one), &why));
    assert_int_equal(chmod(p->path, 0640), 0);
    assert_int_equal(try_open(p, LIST(one), &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "set mode 0600"));
    assert_int_equal(chmod(p->path, 0600), 0);
    assert_int_equal(chmod(p->folder, 0777), 0);
    assert_int_equal(try_open(p, LIST(one), &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, "everyone may write"));
    assert_int_equal(chmod(p->folder, 0700), 0);
    link = *p;
    (void)snprintf(link.path, sizeof(link.path), "%s/a.db", p->folder);
    assert_int_equal(symlink(p->path, link.path), 0);
    assert_int_equal(try_open(&link, LIST(one), &why), MRL_ERR_DENIED);
    assert_int_equal(unlink(link.path), 0);
    (void)strcat(link.path, ".lock");
    assert_int_equal(unlink(link.path), 0);
    assert_ok(try_open(p, LIST(one), &why));
}

static void a_second_user_of_the_file_is_refused(void **state)
{
    const struct place *p = *state;
    struct mrl_why why;
    struct mrl_store *s = store_at(p, LIST(one), (struct mrl_store_options){0});

    assert_int_equal(try_open(p, LIST(one), &why), MRL_ERR_BUSY);
    assert_ok(store_exec(s, "INSERT INTO first VALUES (1)", MRL_NO_ARGS));
    mrl_store_close(s);
    assert_ok(try_open(p, LIST(one), &why));
}

static void missing_migrations_run_once_and_keep_data(void **state)
{
    const struct place *p = *state;
    struct mrl_store *s = store_at(p, LIST(one), (struct mrl_store_options){0});

    assert_ok(store_exec(s, "INSERT INTO first VALUES (5)", MRL_NO_ARGS));
    mrl_store_close(s);
    for (int i = 0; i < 2; i++) {
        s = store_at(p, LIST(three), (struct mrl_store_options){0});
        assert_int_equal(store_number(s, "SELECT id FROM first"), 5);
        assert_int_equal(store_number(s, "SELECT COUNT(*) FROM second WHERE name IS NULL"), 2);
        mrl_store_close(s);
    }
}

static void a_newer_database_is_refused_with_a_sentence(void **state)
{
    const struct place *p = *state;
    struct mrl_why why;

    assert_ok(try_open(p, LIST(three), &why));
    assert_int_equal(try_open(p, LIST(one), &why), MRL_ERR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "newer program"));
    assert_ok(try_open(p, LIST(three), &why));
}

static void a_migration_that_fails_half_way_leaves_nothing(void **state)
{
    const struct place *p = *state;
    struct mrl_why why;
    struct mrl_store *s;

    assert_int_equal(try_open(p, LIST(broken), &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "migration test 2"));
    assert_int_equal(try_open(p, LIST(ending), &why), MRL_ERR_INVALID);
    assert_int_equal(try_open(p, LIST(gap), &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "number 2 is missing"));
    s = store_at(p, LIST(three), (struct mrl_store_options){0});
    assert_int_equal(store_number(s, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'half'"), 0);
    mrl_store_close(s);
}

static void a_file_that_is_no_database_is_corrupt_and_named(void **state)
{
    const struct place *p = *state;
    struct mrl_why why;
    int fd = open(p->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    char noise[8192];

    memset(noise, 'x', sizeof(noise));
    assert_int_equal(write(fd, noise, sizeof(noise)), sizeof(noise));
    assert_int_equal(close(fd), 0);
    assert_int_equal(try_open(p, LIST(one), &why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, p->path));
}

static mrl_err read_all(struct mrl_tx *tx, void *context)
{
    mrl_err err = mrl_tx_exec(tx, "SELECT SUM(id) FROM first", MRL_NO_ARGS, NULL);

    (void)snprintf(context, 256, "%s", mrl_tx_why(tx));
    return err;
}

static void a_damaged_page_is_corrupt_and_named(void **state)
{
    const struct place *p = *state;
    struct mrl_store *s = store_at(p, LIST(one), (struct mrl_store_options){0});
    char why[256];
    char noise[4096];
    int64_t page;
    int fd;

    for (int i = 0; i < 50; i++)
        assert_ok(store_exec(s, "INSERT INTO first VALUES (1), (2), (3)", MRL_NO_ARGS));
    page = store_number(s, "SELECT rootpage FROM sqlite_master WHERE name = 'first'");
    mrl_store_close(s);
    fd = open(p->path, O_WRONLY | O_CLOEXEC);
    memset(noise, 0xa5, sizeof(noise));
    assert_int_equal(pwrite(fd, noise, sizeof(noise), (page - 1) * 4096), sizeof(noise));
    assert_int_equal(close(fd), 0);
    s = store_at(p, LIST(one), (struct mrl_store_options){0});
    assert_int_equal(mrl_store_read(s, read_all, why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why, p->path));
    mrl_store_close(s);
}

static void a_missing_folder_is_an_io_error(void **state)
{
    struct place p = *(const struct place *)*state;
    struct mrl_why why;

    (void)strcpy(p.path, "/nonexistent-folder/merlon.db");
    assert_int_equal(try_open(&p, LIST(one), &why), MRL_ERR_IO);
    (void)strcpy(p.path, "/");
    assert_int_equal(try_open(&p, LIST(one), &why), MRL_ERR_INVALID);
}

int main(void)
{
#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, make, remove_all)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(files_are_for_the_owner_only),
        IN_FOLDER(unsafe_files_and_folders_are_refused),
        IN_FOLDER(a_second_user_of_the_file_is_refused),
        IN_FOLDER(missing_migrations_run_once_and_keep_data),
        IN_FOLDER(a_newer_database_is_refused_with_a_sentence),
        IN_FOLDER(a_migration_that_fails_half_way_leaves_nothing),
        IN_FOLDER(a_file_that_is_no_database_is_corrupt_and_named),
        IN_FOLDER(a_damaged_page_is_corrupt_and_named),
        IN_FOLDER(a_missing_folder_is_an_io_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
