/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config_value.h"

enum { NAME_MAX_LEN = 64, TYPO_MAX = 3 };

struct reading {
    const struct mrl_config_schema *schema;
    struct mrl_config_cursor c;
    uint8_t *config; /* becomes the caller's struct when all held */
    bool section_seen[MRL_CONFIG_SECTIONS_MAX];
    const struct mrl_config_section *section; /* being read; NULL: none */
    uint8_t *table;                           /* its struct */
    bool key_seen[MRL_CONFIG_KEYS_MAX];
};

/* Levenshtein distance, one row at a time. Both at most NAME_MAX_LEN. */
static unsigned distance(mrl_bytes a, mrl_bytes b)
{
    unsigned row[NAME_MAX_LEN + 1];

    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 0; i < a.len; i++) {
        unsigned diagonal = row[0];

        row[0] = i + 1;
        for (unsigned j = 0; j < b.len; j++) {
            unsigned swap = diagonal + (a.data[i] != b.data[j]);
            unsigned step = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

            diagonal = row[j + 1];
            row[j + 1] = swap < step ? swap : step;
        }
    }
    return row[b.len];
}

/* Keeps the nearest name so far; *best starts as TYPO_MAX + 1. */
static void consider(mrl_bytes typed, const char *name, unsigned *best, const char **nearest)
{
    mrl_bytes known = mrl_str(name);
    unsigned d;

    if (typed.len > NAME_MAX_LEN || known.len > NAME_MAX_LEN || known.len == 0)
        return;
    d = distance(typed, known);
    if (d < *best && d < known.len) {
        *best = d;
        *nearest = name;
    }
}

static mrl_err unknown_section(struct reading *r, mrl_bytes name, unsigned line)
{
    unsigned best = TYPO_MAX + 1;
    const char *nearest = NULL;

    for (size_t i = 0; i < r->schema->section_count; i++)
        consider(name, r->schema->sections[i].name, &best, &nearest);
    if (nearest == NULL)
        return mrl_fail(r->c.why, MRL_ERR_INVALID, "line %u: unknown section [%.*s]", line,
                        MRL_FMT(mrl_bytes_sub(name, 0, NAME_MAX_LEN)));
    return mrl_fail(r->c.why, MRL_ERR_INVALID,
                    "line %u: unknown section [%.*s]; did you mean [%s]?", line, MRL_FMT(name),
                    nearest);
}

static mrl_err unknown_key(struct reading *r, mrl_bytes name)
{
    unsigned best = TYPO_MAX + 1;
    const char *nearest = NULL;

    for (size_t i = 0; i < r->section->key_count; i++)
        consider(name, r->section->keys[i].name, &best, &nearest);
    if (nearest == NULL)
        return mrl_fail(r->c.why, MRL_ERR_INVALID, "line %u: unknown key \"%.*s\" in [%s]",
                        r->c.line, MRL_FMT(mrl_bytes_sub(name, 0, NAME_MAX_LEN)), r->section->name);
    return mrl_fail(r->c.why, MRL_ERR_INVALID,
                    "line %u: unknown key \"%.*s\" in [%s]; did you mean \"%s\"?", r->c.line,
                    MRL_FMT(name), r->section->name, nearest);
}

static const struct mrl_config_section *find_section(const struct mrl_config_schema *schema,
                                                     mrl_bytes name)
{
    for (size_t i = 0; i < schema->section_count; i++)
        if (mrl_bytes_eq(name, mrl_str(schema->sections[i].name)))
            return &schema->sections[i];
    return NULL;
}

static size_t index_of(const struct reading *r, const struct mrl_config_section *section)
{
    return (size_t)(section - r->schema->sections);
}

static void *field_of(const struct reading *r, const struct mrl_config_key *key)
{
    return r->table + key->offset;
}

static mrl_err store_fallback(struct reading *r, const struct mrl_config_key *key)
{
    struct mrl_config_cursor c = {
        .text = mrl_str(key->fallback), .line = r->c.line, .arena = r->c.arena, .why = r->c.why};
    struct mrl_config_value value;

    MRL_TRY(mrl_config_read_value(&c, &value));
    return mrl_config_store(key, &value, c.line, field_of(r, key), c.why);
}

/* The end of a table: what was not given gets its default. */
static mrl_err finish_table(struct reading *r)
{
    const struct mrl_config_section *s = r->section;

    for (size_t i = 0; s != NULL && i < s->key_count; i++) {
        const struct mrl_config_key *key = &s->keys[i];

        if (r->key_seen[i])
            continue;
        if (key->fallback == NULL)
            return mrl_fail(r->c.why, MRL_ERR_INVALID, "line %u: [%s] ends without \"%s\"",
                            r->c.line, s->name, key->name);
        MRL_TRY(store_fallback(r, key));
    }
    r->section = NULL;
    return MRL_OK;
}

static mrl_err start_table(struct reading *r, const struct mrl_config_section *s)
{
    size_t *count = (size_t *)(r->config + s->count_offset);

    memset(r->key_seen, 0, sizeof(r->key_seen));
    r->section_seen[index_of(r, s)] = true;
    r->section = s;
    r->table = r->config + s->offset;
    if (s->tables_max == 0)
        return MRL_OK;
    if (*count == s->tables_max)
        return mrl_fail(r->c.why, MRL_ERR_INVALID, "line %u: more than %zu [[%s]]", r->c.line,
                        s->tables_max, s->name);
    r->table += *count * s->table_size;
    *count += 1;
    return MRL_OK;
}

static mrl_bytes read_name(struct mrl_config_cursor *c, bool dots)
{
    size_t from = c->at;

    for (int b = mrl_config_peek(c);
         (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b == '_' ||
         b == '-' || (dots && b == '.');
         b = mrl_config_peek(c))
        c->at++;
    return mrl_bytes_sub(c->text, from, c->at - from);
}

static mrl_err enter_section(struct reading *r, mrl_bytes name, bool many)
{
    const struct mrl_config_section *s = find_section(r->schema, name);

    if (s == NULL)
        return unknown_section(r, name, r->c.line);
    if (many != (s->tables_max > 0))
        return mrl_fail(r->c.why, MRL_ERR_INVALID, "line %u: %s is to be written %s%s%s", r->c.line,
                        s->name, many ? "[" : "[[", s->name, many ? "]" : "]]");
    if (!many && r->section_seen[index_of(r, s)])
        return mrl_fail(r->c.why, MRL_ERR_INVALID, "line %u: [%s] is given twice", r->c.line,
                        s->name);
    return start_table(r, s);
}

/* [name] or [[name]], behind the first bracket. */
static mrl_err read_section(struct reading *r)
{
    bool many = mrl_config_accept(&r->c, '[');
    mrl_bytes name;

    MRL_TRY(finish_table(r));
    mrl_config_skip_blanks(&r->c);
    name = read_name(&r->c, /*dots=*/true);
    mrl_config_skip_blanks(&r->c);
    if (name.len == 0 || !mrl_config_accept(&r->c, ']') || (many && !mrl_config_accept(&r->c, ']')))
        return mrl_fail(r->c.why, MRL_ERR_MALFORMED, "line %u: not [section] or [[section]]",
                        r->c.line);
    MRL_TRY(enter_section(r, name, many));
    return mrl_config_end_line(&r->c);
}

static mrl_err find_key(struct reading *r, mrl_bytes name, size_t *index)
{
    if (r->section == NULL)
        return mrl_fail(r->c.why, MRL_ERR_INVALID, "line %u: key \"%.*s\" above the first section",
                        r->c.line, MRL_FMT(mrl_bytes_sub(name, 0, NAME_MAX_LEN)));
    for (size_t i = 0; i < r->section->key_count; i++) {
        if (!mrl_bytes_eq(name, mrl_str(r->section->keys[i].name)))
            continue;
        *index = i;
        return MRL_OK;
    }
    return unknown_key(r, name);
}

static mrl_err read_key(struct reading *r)
{
    mrl_bytes name = read_name(&r->c, /*dots=*/false);
    struct mrl_config_value value;
    unsigned line = r->c.line;
    size_t i = 0;

    mrl_config_skip_blanks(&r->c);
    if (name.len == 0 || !mrl_config_accept(&r->c, '='))
        return mrl_fail(r->c.why, MRL_ERR_MALFORMED, "line %u: not [section] or key = value", line);
    MRL_TRY(find_key(r, name, &i));
    if (r->key_seen[i])
        return mrl_fail(r->c.why, MRL_ERR_INVALID, "line %u: \"%s\" is given twice in [%s]", line,
                        r->section->keys[i].name, r->section->name);
    r->key_seen[i] = true;
    mrl_config_skip_blanks(&r->c);
    MRL_TRY(mrl_config_read_value(&r->c, &value));
    MRL_TRY(mrl_config_store(&r->section->keys[i], &value, line, field_of(r, &r->section->keys[i]),
                             r->c.why));
    return mrl_config_end_line(&r->c);
}

static mrl_err read_line(struct reading *r)
{
    int b;

    mrl_config_skip_blanks(&r->c);
    b = mrl_config_peek(&r->c);
    if (b == -1 || b == '\n' || b == '\r' || b == '#')
        return mrl_config_end_line(&r->c);
    if (mrl_config_accept(&r->c, '['))
        return read_section(r);
    return read_key(r);
}

/* Sections that the file does not have apply with their defaults. */
static mrl_err finish_absent(struct reading *r)
{
    for (size_t i = 0; i < r->schema->section_count; i++) {
        const struct mrl_config_section *s = &r->schema->sections[i];

        if (s->tables_max > 0 || r->section_seen[i])
            continue;
        MRL_TRY(start_table(r, s));
        MRL_TRY(finish_table(r));
    }
    return MRL_OK;
}

static mrl_err read_all(struct reading *r)
{
    const struct mrl_config_section *top = find_section(r->schema, MRL_BYTES_NONE);

    if (top != NULL)
        MRL_TRY(start_table(r, top));
    while (r->c.at < r->c.text.len)
        MRL_TRY(read_line(r));
    MRL_TRY(finish_table(r));
    return finish_absent(r);
}

mrl_err mrl_config_read(const struct mrl_config_schema *schema, mrl_bytes text,
                        struct mrl_arena *arena, void *out, struct mrl_why *why)
{
    struct reading r = {.schema = schema,
                        .c = {.text = text, .line = 1, .arena = arena, .why = why}};

    if (text.len > MRL_CONFIG_FILE_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "configuration is over %d bytes", MRL_CONFIG_FILE_MAX);
    r.config = mrl_arena_alloc(arena, schema->size);
    MRL_TRY(read_all(&r));
    memcpy(out, r.config, schema->size);
    return MRL_OK;
}

static mrl_err read_file(int fd, struct mrl_buf *out)
{
    struct stat st;
    uint8_t *to;
    ssize_t n;

    MRL_ENSURE(fstat(fd, &st) == 0 && S_ISREG(st.st_mode), MRL_ERR_IO);
    do {
        MRL_TRY(mrl_buf_reserve(out, 4096, &to));
        n = read(fd, to, 4096);
        MRL_ENSURE(n >= 0, MRL_ERR_IO);
        mrl_buf_added(out, (size_t)n);
    } while (n > 0 && out->len <= MRL_CONFIG_FILE_MAX);
    return MRL_OK;
}

mrl_err mrl_config_load(const struct mrl_config_schema *schema, const char *path,
                        struct mrl_arena *arena, void *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) text = {0}; /* bounded by read_file */
    struct mrl_why inner = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a FIFO must not block */
    mrl_err err;

    if (fd < 0)
        return mrl_fail(why, errno == ENOENT ? MRL_ERR_NOT_FOUND : MRL_ERR_IO, "%s: %m", path);
    err = read_file(fd, &text);
    (void)close(fd); /* only read */
    if (err != MRL_OK)
        return mrl_fail(why, err, "%s: not a readable regular file", path);
    err = mrl_config_read(schema, mrl_buf_bytes(&text), arena, out, &inner);
    if (err != MRL_OK)
        return mrl_fail(why, err, "%.100s: %s", path, inner.text);
    return MRL_OK;
}

static mrl_err put_key(const struct mrl_config_key *key, struct mrl_buf *out)
{
    MRL_TRY(mrl_buf_printf(out, "\n# %s\n# Accepts ", key->help));
    MRL_TRY(mrl_config_accepts(key, out));
    if (key->fallback == NULL)
        return mrl_buf_printf(out, ". Required.\n#%s =\n", key->name);
    return mrl_buf_printf(out, ".\n#%s = %s\n", key->name, key->fallback);
}

static mrl_err put_title(const struct mrl_config_section *s, struct mrl_buf *out)
{
    MRL_TRY(mrl_buf_printf(out, "# %s\n", s->help));
    if (s->tables_max > 0)
        return mrl_buf_printf(out, "# At most %zu of these.\n#[[%s]]\n", s->tables_max, s->name);
    if (s->name[0] != '\0')
        return mrl_buf_printf(out, "[%s]\n", s->name);
    return MRL_OK;
}

mrl_err mrl_config_example(const struct mrl_config_schema *schema, struct mrl_buf *out)
{
    for (size_t i = 0; i < schema->section_count; i++) {
        const struct mrl_config_section *s = &schema->sections[i];

        if (i > 0)
            MRL_TRY(mrl_buf_append(out, MRL_LIT("\n")));
        MRL_TRY(put_title(s, out));
        for (size_t k = 0; k < s->key_count; k++)
            MRL_TRY(put_key(&s->keys[k], out));
    }
    return MRL_OK;
}
