/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one configuration file, strictly: a small part of TOML, checked against the program's own
 * table of what exists. Layer: base. Thread: any.
 *
 * Syntax, one item a line: [section], [[section]] (a further table of an array of tables),
 * key = "string" | integer | true | false | ["a", "b"] (may span lines), # comment. Strings have
 * the escapes \" \\ \n \t \r \b \f \uXXXX \UXXXXXXXX and must be UTF-8 without NUL. A key, a
 * section or a value the table does not know, a key or section given twice, a missing key that has
 * no default: MRL_ERR_INVALID. What is not of this syntax: MRL_ERR_MALFORMED. In each case why is a
 * sentence with the line, what is accepted, and for a typing mistake what may be meant. */
#ifndef MRL_BASE_CONFIG_H
#define MRL_BASE_CONFIG_H

#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { MRL_CONFIG_FILE_MAX = 256 * 1024, MRL_CONFIG_KEYS_MAX = 64, MRL_CONFIG_SECTIONS_MAX = 32 };

/* Text in the file; type of the field; what min and max mean. max 0 is no limit, but for integers.
 */
enum mrl_config_type {
    MRL_CONFIG_STRING,   /* "text"; mrl_bytes with a NUL behind; length */
    MRL_CONFIG_INTEGER,  /* -12; int64_t; value */
    MRL_CONFIG_BOOL,     /* true; bool */
    MRL_CONFIG_DURATION, /* "90s", "15m", "12h", "180d"; uint64_t seconds; seconds */
    MRL_CONFIG_SIZE,     /* "512", "64KiB", "10MiB", "2GiB"; uint64_t bytes; bytes */
    MRL_CONFIG_STRINGS,  /* ["a", "b"]; struct mrl_config_strings; count */
    MRL_CONFIG_CHOICE,   /* "text"; int, index into choices */
};

struct mrl_config_strings {
    mrl_bytes *at; /* in the arena, each with a NUL behind it */
    size_t count;
};

struct mrl_config_key {
    const char *name;
    enum mrl_config_type type;
    size_t offset;        /* of the field in the section's struct */
    const char *fallback; /* as it would stand in the file ("\"180d\"", "8883"); NULL: required */
    const char *help;     /* one sentence */
    int64_t min;
    int64_t max;
    const char *const *choices; /* MRL_CONFIG_CHOICE: names, NULL at the end */
};

struct mrl_config_section {
    const char *name; /* "" for keys above the first section */
    const char *help;
    const struct mrl_config_key *keys;
    size_t key_count; /* at most MRL_CONFIG_KEYS_MAX */
    size_t offset;    /* of the section's struct, or of an array of them, in the program's struct */
    size_t tables_max;   /* 0: [name], once; else [[name]], at most so many */
    size_t table_size;   /* [[name]]: size of one element */
    size_t count_offset; /* [[name]]: of the size_t that counts them */
};

/* The whole configuration of a program, a static table:
 *     static const struct mrl_config_key mqtt_keys[] = {
 *         {"listen", MRL_CONFIG_STRING, offsetof(struct mqtt_config, listen), "\":8883\"",
 *          "Address and port."},
 *     };
 *     static const struct mrl_config_section sections[] = {
 *         {"mqtt", "MQTT door.", mqtt_keys, MRL_COUNT(mqtt_keys), offsetof(struct config, mqtt)},
 *     };
 *     static const struct mrl_config_schema schema = {sections, MRL_COUNT(sections),
 *                                                     sizeof(struct config)}; */
struct mrl_config_schema {
    const struct mrl_config_section *sections;
    size_t section_count; /* at most MRL_CONFIG_SECTIONS_MAX */
    size_t size;          /* of the program's struct */
};

/* Fills *out (schema->size bytes, written only on success) from text and defaults; strings live in
 * the arena. The defaults of a [section] that is not in the file apply as well; a key without
 * default is then missing. MRL_ERR_LIMIT: text is over MRL_CONFIG_FILE_MAX. */
mrl_err mrl_config_read(const struct mrl_config_schema *schema, mrl_bytes text,
                        struct mrl_arena *arena, void *out, struct mrl_why *why);
/* The same from a regular file. MRL_ERR_NOT_FOUND, MRL_ERR_IO; why starts with path. Blocks. */
mrl_err mrl_config_load(const struct mrl_config_schema *schema, const char *path,
                        struct mrl_arena *arena, void *out, struct mrl_why *why);
/* A file with all keys, their help and what they accept; defaults as comments, required keys to be
 * filled in. */
mrl_err mrl_config_example(const struct mrl_config_schema *schema, struct mrl_buf *out);

#endif
