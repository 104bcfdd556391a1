/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/eventlog.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/json.h"

enum { PATH_SIZE = 4096, READ_MAX = 2 * MRL_EVENTLOG_FILE_MAX };

/* The beginning of text that is whole characters. */
static mrl_bytes cut(mrl_bytes text)
{
    mrl_bytes head = mrl_bytes_sub(text, 0, MRL_EVENTLOG_VALUE_MAX);

    while (head.len < text.len && head.len > 0 && (text.data[head.len] & 0xc0) == 0x80)
        head.len--;
    return head;
}

static mrl_err fill(json_t *o, uint64_t seq, const char *event,
                    const struct mrl_eventlog_field *fields, size_t count)
{
    char at[MRL_TIME_TEXT];

    mrl_time_format(mrl_wall_ms(), at);
    MRL_TRY(mrl_json_set_str(o, "at", mrl_str(at)));
    MRL_TRY(mrl_json_set_str(o, "event", mrl_str(event)));
    MRL_TRY(mrl_json_set_int(o, "seq", (int64_t)seq));
    for (size_t i = 0; i < count; i++)
        if (mrl_json_set_str(o, fields[i].name, cut(fields[i].text)) != MRL_OK)
            MRL_TRY(mrl_json_set_str(o, fields[i].name, MRL_LIT("(not text)")));
    return MRL_OK;
}

/* Appends the line and gives the chain behind it. */
static mrl_err make_line(const struct mrl_eventlog *l, const json_t *o, struct mrl_buf *out,
                         struct mrl_eventlog_walk *after)
{
    char hex[2 * MRL_SHA256_SIZE + 1];
    mrl_bytes parts[2] = {mrl_bytes_of(l->at.head, sizeof(l->at.head))};

    MRL_TRY(mrl_json_write(o, out));
    out->len--; /* the } comes behind the hash */
    parts[1] = mrl_buf_bytes(out);
    *after = l->at;
    after->seq++;
    MRL_TRY(mrl_sha256_parts(parts, 2, after->head));
    mrl_hex(mrl_bytes_of(after->head, sizeof(after->head)), hex);
    return mrl_buf_printf(out, ",\"hash\":\"%s\"}\n", hex);
}

static mrl_err append(struct mrl_eventlog *l, const char *event,
                      const struct mrl_eventlog_field *fields, size_t count)
{
    MRL_SCOPED(mrl_buf) line = {.limit = MRL_EVENTLOG_LINE_MAX};
    MRL_AUTO(json_t) o = mrl_json_object();
    struct mrl_eventlog_walk after;

    MRL_TRY(fill(o, l->at.seq + 1, event, fields, count));
    MRL_TRY(make_line(l, o, &line, &after));
    MRL_TRY(l->disk->write(l->disk->context, l->fd, mrl_buf_bytes(&line)));
    MRL_TRY(l->disk->sync(l->disk->context, l->fd));
    if (after.first == 0)
        after.first = after.seq;
    l->at = after;
    l->bytes += line.len;
    return MRL_OK;
}

static mrl_err open_file(struct mrl_eventlog *l, bool anew, struct mrl_why *why)
{
    char path[PATH_SIZE];
    mrl_err err;

    (void)snprintf(path, sizeof(path), "%s/%s", l->dir, MRL_EVENTLOG_FILE);
    err = anew ? l->disk->create(l->disk->context, path, &l->fd)
               : l->disk->append(l->disk->context, path, &l->fd);
    return err == MRL_OK ? MRL_OK : mrl_fail(why, err, "cannot open %.200s", path);
}

static mrl_err begin_file(struct mrl_eventlog *l, struct mrl_why *why)
{
    char before[2 * MRL_SHA256_SIZE + 1];
    const struct mrl_eventlog_field field = {"before", mrl_bytes_of(before, sizeof(before) - 1)};

    mrl_hex(mrl_bytes_of(l->at.head, sizeof(l->at.head)), before);
    l->bytes = 0;
    MRL_TRY(open_file(l, /*anew=*/true, why));
    MRL_TRY(append(l, "log.begun", &field, 1));
    return l->disk->sync_dir(l->disk->context, l->dir);
}

static mrl_err rotate(struct mrl_eventlog *l, struct mrl_why *why)
{
    mrl_eventlog_close(l);
    MRL_TRY(mrl_disk_move(l->disk, l->dir, MRL_EVENTLOG_FILE, MRL_EVENTLOG_OLD, why));
    return begin_file(l, why);
}

/* The file as it lies: followed, half a line taken off, open for more. MRL_ERR_CORRUPT: broken. */
static mrl_err take_up(struct mrl_eventlog *l, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) text = {.limit = READ_MAX};
    size_t good;

    MRL_TRY(mrl_disk_read(l->dir, MRL_EVENTLOG_FILE, &text, why));
    MRL_TRY(mrl_eventlog_walk_text(&l->at, mrl_buf_bytes(&text), &good, why));
    if (good < text.len)
        MRL_TRY(mrl_disk_replace(l->disk, l->dir, MRL_EVENTLOG_FILE, mrl_bytes_of(text.data, good),
                                 why));
    MRL_ENSURE(good > 0, MRL_ERR_NOT_FOUND);
    l->bytes = good;
    return open_file(l, /*anew=*/false, why);
}

static mrl_err take_up_old(struct mrl_eventlog *l, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) text = {.limit = READ_MAX};
    size_t good;
    mrl_err err = mrl_disk_read(l->dir, MRL_EVENTLOG_OLD, &text, why);

    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    MRL_TRY(mrl_eventlog_walk_text(&l->at, mrl_buf_bytes(&text), &good, why));
    return good == text.len
               ? MRL_OK
               : mrl_fail(why, MRL_ERR_CORRUPT, "%s ends in half a line", MRL_EVENTLOG_OLD);
}

/* Evidence is kept; numbers go on behind everything that was there. */
static mrl_err begin_again(struct mrl_eventlog *l, const struct mrl_why *found, struct mrl_why *why)
{
    const struct mrl_eventlog_field field = {"why", mrl_str(found->text)};
    uint64_t seq = l->at.seq + MRL_EVENTLOG_FILE_MAX; /* no file holds more lines */
    mrl_err err;

    err = mrl_disk_move(l->disk, l->dir, MRL_EVENTLOG_FILE, MRL_EVENTLOG_BROKEN, why);
    if (err != MRL_OK && err != MRL_ERR_NOT_FOUND)
        return err;
    MRL_TRY(mrl_disk_remove(l->disk, l->dir, MRL_EVENTLOG_OLD, why));
    l->at = (struct mrl_eventlog_walk){.seq = seq};
    MRL_TRY(begin_file(l, why));
    return append(l, "log.broken", &field, 1);
}

mrl_err mrl_eventlog_open(struct mrl_eventlog *l, const struct mrl_disk *disk, const char *dir,
                          struct mrl_why *why)
{
    struct mrl_why found = {""};
    mrl_err err;

    *l = (struct mrl_eventlog){.disk = disk, .dir = dir, .fd = -1};
    err = take_up_old(l, &found);
    if (err == MRL_OK)
        err = take_up(l, &found);
    if (err == MRL_ERR_NOT_FOUND)
        err = begin_file(l, why);
    else if (err == MRL_ERR_CORRUPT || err == MRL_ERR_LIMIT)
        err = begin_again(l, &found, why);
    else if (err != MRL_OK)
        err = mrl_fail(why, err, "%s", found.text);
    if (err != MRL_OK)
        mrl_eventlog_close(l);
    return err;
}

void mrl_eventlog_close(struct mrl_eventlog *l)
{
    if (l->fd >= 0)
        (void)close(l->fd); /* every line was synced */
    l->fd = -1;
}

mrl_err mrl_eventlog_add(struct mrl_eventlog *l, const char *event,
                         const struct mrl_eventlog_field *fields, size_t count, struct mrl_why *why)
{
    mrl_err err = MRL_OK;

    if (l->fd < 0)
        err = mrl_eventlog_open(l, l->disk, l->dir, why);
    if (err == MRL_OK && l->bytes + MRL_EVENTLOG_LINE_MAX > MRL_EVENTLOG_FILE_MAX)
        err = rotate(l, why);
    if (err == MRL_OK)
        err = append(l, event, fields, count);
    if (err != MRL_OK)
        mrl_eventlog_close(l); /* what is on the disk is looked at again */
    return err;
}
