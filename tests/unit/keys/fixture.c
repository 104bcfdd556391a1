/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/keys/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

void fixture_folder(char *to)
{
    const char *base = getenv("TMPDIR");

    (void)snprintf(to, FIXTURE_PATH_MAX, "%s/merlon-keys-XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(to));
}

void fixture_remove(const char *folder)
{
    DIR *d = opendir(folder);

    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            assert_int_equal(unlinkat(dirfd(d), e->d_name, 0), 0);
    assert_int_equal(closedir(d), 0);
    assert_int_equal(rmdir(folder), 0);
}

const char *fixture_path(const char *folder, const char *name)
{
    static char path[FIXTURE_PATH_MAX + 64];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

mrl_bytes fixture_read(const char *folder, const char *name, uint8_t *to, size_t cap)
{
    int fd = open(fixture_path(folder, name), O_RDONLY);
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, to, cap);
    assert_true(n >= 0 && (size_t)n < cap);
    assert_int_equal(close(fd), 0);
    return mrl_bytes_of(to, (size_t)n);
}

void fixture_write(const char *folder, const char *name, mrl_bytes content)
{
    int fd = open(fixture_path(folder, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.data, content.len), content.len);
    assert_int_equal(close(fd), 0);
}

void fixture_copy(const char *from, const char *to, const char *name)
{
    uint8_t memory[8192];

    fixture_write(to, name, fixture_read(from, name, memory, sizeof(memory)));
}

mrl_err fixture_create(const char *folder, struct mrl_why *why)
{
    const struct mrl_keystore_plan plan = {MRL_KEY_P256, MRL_KEY_P256, MRL_LIT("acme"),
                                           mrl_wall_s()};
    const struct mrl_unlock unlock = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_folder) f = {.fd = -1};

    MRL_TRY(mrl_folder_open(folder, &f, why));
    return mrl_keystore_create(&f, &unlock, &plan, why);
}

mrl_err fixture_open(const char *folder, struct mrl_keystore *out, struct mrl_why *why)
{
    const struct mrl_unlock unlock = {MRL_UNLOCK_FILE, NULL};
    MRL_SCOPED(mrl_folder) f = {.fd = -1};

    MRL_TRY(mrl_folder_open(folder, &f, why));
    return mrl_keystore_open(&f, &unlock, out, why);
}

void fixture_keystore(const char *folder)
{
    struct mrl_why why = {0};

    if (fixture_create(folder, &why) != MRL_OK)
        fail_msg("%s", why.text);
}

int fixture_process(const char *program, const char *folder, pid_t *pid)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    *pid = fork();
    if (*pid == 0) {
        if (dup2(fds[1], 3) == 3)
            (void)execl(program, "merlon-keys", "serve", "--dir", folder, "--fd", "3", NULL);
        _exit(127);
    }
    assert_int_equal(close(fds[1]), 0);
    return fds[0];
}
