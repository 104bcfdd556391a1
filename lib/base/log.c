/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "base/writer.h"

enum { LINE_MAX_BYTES = 4096 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static _Atomic int least_level = MRL_LOG_INFO;
static const char *_Atomic program = "merlon";

void mrl_log_set_level(enum mrl_log_level least)
{
    atomic_store(&least_level, (int)least);
}

void mrl_log_set_program(const char *name)
{
    atomic_store(&program, name);
}

/* Control bytes and quotes are escaped, so that a peer's bytes can never forge a line or a field.
 */
static void put_json_text(struct mrl_writer *w, mrl_bytes text)
{
    bool valid = mrl_utf8_valid(text);

    mrl_put_u8(w, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c == '"' || c == '\\')
            mrl_put_text(w, "\\%c", c);
        else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !valid))
            mrl_put_text(w, "\\u%04x", c);
        else
            mrl_put_u8(w, c);
    }
    mrl_put_u8(w, '"');
}

static void put_field(struct mrl_writer *w, const struct mrl_log_field *f)
{
    struct mrl_writer before = *w;

    mrl_put_text(w, ",\"%s\":", f->name);
    if (f->is_number)
        mrl_put_text(w, "%lld", (long long)f->number);
    else
        put_json_text(w, f->text);
    if (w->overflow) /* leave out what does not fit, keep the line whole */
        *w = before;
}

void mrl_log_write(enum mrl_log_level level, const char *event, const struct mrl_log_field *fields,
                   size_t count)
{
    uint8_t line[LINE_MAX_BYTES];
    struct mrl_writer w = mrl_writer_on(line, sizeof(line) - 2);
    char now[MRL_TIME_TEXT];

    if ((int)level < atomic_load(&least_level))
        return;
    mrl_time_format(mrl_wall_ms(), now);
    mrl_put_text(&w, "{\"time\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"event\":\"%s\"", now,
                 level_names[level], atomic_load(&program), event);
    for (size_t i = 0; i < count; i++)
        put_field(&w, &fields[i]);
    line[w.len] = '}';
    line[w.len + 1] = '\n';
    if (write(STDERR_FILENO, line, w.len + 2) < 0)
        return; /* nowhere left to say so */
}
