/* SPDX-License-Identifier: Apache-2.0 */
#include "export/sink.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

struct world {
    char folder[64];
    char path[96];
    char rotated[112];
    struct mrl_export_config config;
    struct mrl_sink *sink;
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    (void)snprintf(w->folder, sizeof(w->folder), "/tmp/merlon-sink-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    (void)snprintf(w->path, sizeof(w->path), "%s/audit.ndjson", w->folder);
    (void)snprintf(w->rotated, sizeof(w->rotated), "%s.1", w->path);
    w->config = (struct mrl_export_config){.name = MRL_LIT("f"), .path = mrl_str(w->path)};
    w->sink = mrl_sink_file_new(&w->config, -1);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    w->sink->free(w->sink);
    (void)unlink(w->path);
    (void)unlink(w->rotated);
    (void)rmdir(w->path);
    assert_int_equal(rmdir(w->folder), 0);
    free(w);
    return 0;
}

static mrl_err put(struct world *w, const char *line, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) out = {0};

    assert_ok(w->sink->format(w->sink, 1, mrl_str(line), &out));
    MRL_TRY(w->sink->send(w->sink, mrl_buf_bytes(&out), why));
    return w->sink->confirm(w->sink, why);
}

static void assert_file(const char *path, const char *expected)
{
    char text[8192];
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, text, sizeof(text));

    (void)close(fd);
    assert_bytes_equal(mrl_bytes_of(text, len > 0 ? (size_t)len : 0), mrl_str(expected));
}

static void lines_are_appended_to_a_file_that_is_not_for_everyone(void **state)
{
    struct world *w = *state;
    struct stat st;

    assert_ok(put(w, "{\"seq\":1}", NULL));
    assert_ok(put(w, "{\"seq\":2}", NULL));
    assert_file(w->path, "{\"seq\":1}\n{\"seq\":2}\n");
    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_mode & 07007, 0);
}

static void a_rotated_file_is_left_and_a_new_one_begun(void **state)
{
    struct world *w = *state;

    assert_ok(put(w, "1", NULL));
    assert_int_equal(rename(w->path, w->rotated), 0);
    assert_ok(put(w, "2", NULL));
    assert_file(w->rotated, "1\n");
    assert_file(w->path, "2\n");
    assert_int_equal(truncate(w->path, 0), 0); /* logrotate's copytruncate */
    assert_ok(put(w, "3", NULL));
    assert_file(w->path, "3\n");
}

static void half_a_line_of_a_crash_is_taken_off(void **state)
{
    struct world *w = *state;
    char half[5000];
    int fd = open(w->path, O_WRONLY | O_CREAT, 0600);

    memset(half, 'x', sizeof(half));
    assert_int_equal(write(fd, "whole\n", 6), 6);
    assert_int_equal(write(fd, half, sizeof(half)), sizeof(half));
    (void)close(fd);
    assert_ok(put(w, "next", NULL));
    assert_file(w->path, "whole\nnext\n");
}

static void a_file_of_half_a_line_becomes_empty(void **state)
{
    struct world *w = *state;
    int fd = open(w->path, O_WRONLY | O_CREAT, 0600);

    assert_int_equal(write(fd, "half", 4), 4);
    (void)close(fd);
    assert_ok(put(w, "1", NULL));
    assert_file(w->path, "1\n");
}

static void links_and_folders_are_no_files(void **state)
{
    struct world *w = *state;
    struct mrl_why why = {""};

    assert_int_equal(symlink("/dev/null", w->path), 0);
    assert_int_equal(put(w, "1", &why), MRL_ERR_IO);
    assert_non_null(strstr(why.text, w->path));
    assert_int_equal(unlink(w->path), 0);
    assert_int_equal(mkfifo(w->path, 0600), 0);
    assert_int_equal(put(w, "1", &why), MRL_ERR_INVALID);
    assert_int_equal(unlink(w->path), 0);
    assert_int_equal(mkdir(w->path, 0700), 0);
    assert_int_equal(put(w, "1", &why), MRL_ERR_IO);
}

/* A limit on the size of files fails in the middle of a line, as a full disk does. */
static void what_a_full_disk_cut_is_written_again_whole(void **state)
{
    struct world *w = *state;
    struct rlimit old, small;
    struct mrl_why why = {""};

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){6, old.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_ok(put(w, "1", NULL));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(put(w, "234567", &why), MRL_ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_file(w->path, "1\n2345");
    assert_ok(put(w, "234567", NULL));
    assert_file(w->path, "1\n234567\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_appended_to_a_file_that_is_not_for_everyone,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(a_rotated_file_is_left_and_a_new_one_begun, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(half_a_line_of_a_crash_is_taken_off, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_file_of_half_a_line_becomes_empty, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(links_and_folders_are_no_files, open_world, close_world),
        cmocka_unit_test_setup_teardown(what_a_full_disk_cut_is_written_again_whole, open_world,
                                        close_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
