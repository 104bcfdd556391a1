/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { TEXT_MAX = 8192, FIELD_UTIME = 12, FIELDS = 14 }; /* counted behind the name: proc(5) */

/* The name in brackets may hold blanks and brackets of its own: fields count from its last one. */
static mrl_bytes behind_name(mrl_bytes line)
{
    size_t at = line.len;

    while (at > 0 && line.data[at - 1] != ')')
        at--;
    return mrl_bytes_trim(mrl_bytes_sub(line, at, line.len));
}

mrl_err mrl_proc_parse_stat(mrl_bytes line, uint64_t *ticks)
{
    mrl_bytes rest = behind_name(line), field;
    uint64_t sum = 0, value;

    for (unsigned i = 1; i < FIELDS; i++) {
        MRL_ENSURE(rest.len > 0, MRL_ERR_MALFORMED);
        (void)mrl_bytes_split(rest, ' ', &field, &rest); /* the last one has no blank behind it */
        if (i < FIELD_UTIME)
            continue;
        MRL_ENSURE(mrl_bytes_to_u64(field, UINT64_MAX / 2, &value), MRL_ERR_MALFORMED);
        sum += value;
    }
    *ticks = sum;
    return MRL_OK;
}

mrl_err mrl_proc_parse_status(mrl_bytes text, uint64_t *bytes)
{
    mrl_bytes line, number, unit;
    uint64_t kib;

    while (text.len > 0) {
        (void)mrl_bytes_split(text, '\n', &line, &text);
        if (!mrl_bytes_starts(line, MRL_LIT("RssAnon:")))
            continue;
        line = mrl_bytes_trim(mrl_bytes_sub(line, sizeof("RssAnon:") - 1, line.len));
        (void)mrl_bytes_split(line, ' ', &number, &unit);
        MRL_ENSURE(mrl_bytes_to_u64(number, UINT64_MAX >> 10, &kib), MRL_ERR_MALFORMED);
        *bytes = kib << 10;
        return MRL_OK;
    }
    return MRL_ERR_NOT_FOUND;
}

static mrl_err read_text(pid_t pid, const char *what, char *memory, mrl_bytes *out)
{
    char path[64];
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    MRL_ENSURE(fd >= 0, MRL_ERR_NOT_FOUND);
    got = read(fd, memory, TEXT_MAX);
    (void)close(fd);
    MRL_ENSURE(got > 0, MRL_ERR_NOT_FOUND);
    *out = mrl_bytes_of(memory, (size_t)got);
    return MRL_OK;
}

mrl_err mrl_proc_read(pid_t pid, struct mrl_proc_use *out)
{
    struct mrl_proc_use use = {0};
    char memory[TEXT_MAX];
    uint64_t ticks;
    mrl_bytes text;

    MRL_TRY(read_text(pid, "stat", memory, &text));
    MRL_TRY(mrl_proc_parse_stat(text, &ticks));
    use.cpu_s = (double)ticks / (double)sysconf(_SC_CLK_TCK);
    MRL_TRY(read_text(pid, "status", memory, &text));
    MRL_TRY(mrl_proc_parse_status(text, &use.private_bytes));
    *out = use;
    return MRL_OK;
}
