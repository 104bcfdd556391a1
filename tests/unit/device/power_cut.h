/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that does so many operations and then none any more, as if the program were killed there;
 * a write that is cut leaves half of its bytes. */
#ifndef MRL_TESTS_POWER_CUT_H
#define MRL_TESTS_POWER_CUT_H

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "device/agent/disk.h"

struct power_cut {
    unsigned left;
};

static inline bool power_cut_now(void *context)
{
    struct power_cut *c = context;

    if (c->left == 0)
        return true;
    c->left--;
    return false;
}
static inline mrl_err cut_create(void *c, const char *path, int *fd)
{
    return power_cut_now(c) ? MRL_ERR_IO : mrl_disk_system.create(NULL, path, fd);
}
static inline mrl_err cut_write(void *c, int fd, mrl_bytes data)
{
    if (!power_cut_now(c))
        return mrl_disk_system.write(NULL, fd, data);
    (void)mrl_disk_system.write(NULL, fd, mrl_bytes_sub(data, 0, data.len / 2)); /* cut anyway */
    return MRL_ERR_IO;
}
static inline mrl_err cut_sync(void *c, int fd)
{
    return power_cut_now(c) ? MRL_ERR_IO : mrl_disk_system.sync(NULL, fd);
}
static inline mrl_err cut_rename(void *c, const char *from, const char *to)
{
    return power_cut_now(c) ? MRL_ERR_IO : mrl_disk_system.rename(NULL, from, to);
}
static inline mrl_err cut_sync_dir(void *c, const char *dir)
{
    return power_cut_now(c) ? MRL_ERR_IO : mrl_disk_system.sync_dir(NULL, dir);
}
static inline mrl_err cut_remove(void *c, const char *path)
{
    return power_cut_now(c) ? MRL_ERR_IO : mrl_disk_system.remove(NULL, path);
}
static inline mrl_err cut_append(void *c, const char *path, int *fd)
{
    return power_cut_now(c) ? MRL_ERR_IO : mrl_disk_system.append(NULL, path, fd);
}
static inline mrl_err cut_blank(void *c, const char *path)
{
    return power_cut_now(c) ? MRL_ERR_IO : mrl_disk_system.blank(NULL, path);
}
static inline struct mrl_disk power_cut_disk(struct power_cut *c, unsigned operations)
{
    c->left = operations;
    return (struct mrl_disk){c,          cut_create, cut_write, cut_sync, cut_rename, cut_sync_dir,
                             cut_remove, cut_append, cut_blank};
}

static inline void remove_folder(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL)
        if (e->d_name[0] != '.' || (e->d_name[1] != '.' && e->d_name[1] != '\0'))
            (void)unlinkat(dirfd(d), e->d_name, 0); /* of a test */
    if (d != NULL)
        (void)closedir(d);
    (void)rmdir(dir);
}

#endif
