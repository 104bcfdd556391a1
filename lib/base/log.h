/* SPDX-License-Identifier: Apache-2.0 */
/* Structured log: one JSON object a line on stderr. Layer: base. Thread: any.
 * Libraries return errors and log nothing above debug; the caller that decides logs once, with a
 * stable event name and fields. Values are escaped, lines are cut at 4 KiB. */
#ifndef MRL_BASE_LOG_H
#define MRL_BASE_LOG_H

#include "base/bytes.h"

enum mrl_log_level { MRL_LOG_DEBUG, MRL_LOG_INFO, MRL_LOG_WARN, MRL_LOG_ERROR };

struct mrl_log_field {
    const char *name;
    mrl_bytes text; /* used when is_number is false */
    int64_t number;
    bool is_number;
};

#define MRL_FIELD(name, bytes) ((struct mrl_log_field){(name), (bytes), 0, false})
#define MRL_FIELD_STR(name, cstr) MRL_FIELD(name, mrl_str(cstr))
/* The plus keeps pointers out. */
#define MRL_FIELD_INT(name, number) \
    ((struct mrl_log_field){(name), {0}, (int64_t)(+(number)), true})

void mrl_log_set_level(enum mrl_log_level least);
/* Name of this program in each line. Borrows name for ever. */
void mrl_log_set_program(const char *name);
void mrl_log_write(enum mrl_log_level level, const char *event, const struct mrl_log_field *fields,
                   size_t count);

/* mrl_log_info("listener.open", MRL_FIELD_INT("port", 8883)); at least one field. */
#define MRL_LOG_(level, event, ...)                                        \
    mrl_log_write((level), (event), (struct mrl_log_field[]){__VA_ARGS__}, \
                  sizeof((struct mrl_log_field[]){__VA_ARGS__}) / sizeof(struct mrl_log_field))
#define mrl_log_debug(event, ...) MRL_LOG_(MRL_LOG_DEBUG, event, __VA_ARGS__)
#define mrl_log_info(event, ...) MRL_LOG_(MRL_LOG_INFO, event, __VA_ARGS__)
#define mrl_log_warn(event, ...) MRL_LOG_(MRL_LOG_WARN, event, __VA_ARGS__)
#define mrl_log_error(event, ...) MRL_LOG_(MRL_LOG_ERROR, event, __VA_ARGS__)

#endif
