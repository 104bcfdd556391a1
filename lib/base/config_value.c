/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config_value.h"

#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"

int mrl_config_peek(const struct mrl_config_cursor *c)
{
    return c->at < c->text.len ? c->text.data[c->at] : -1;
}

static void advance(struct mrl_config_cursor *c)
{
    if (mrl_config_peek(c) == '\n')
        c->line++;
    c->at++;
}

bool mrl_config_accept(struct mrl_config_cursor *c, uint8_t wanted)
{
    if (mrl_config_peek(c) != wanted)
        return false;
    advance(c);
    return true;
}

void mrl_config_skip_blanks(struct mrl_config_cursor *c)
{
    while (mrl_config_accept(c, ' ') || mrl_config_accept(c, '\t'))
        ;
}

static mrl_err malformed(const struct mrl_config_cursor *c, const char *what)
{
    return mrl_fail(c->why, MRL_ERR_MALFORMED, "line %u: %s", c->line, what);
}

static mrl_err skip_comment(struct mrl_config_cursor *c)
{
    if (!mrl_config_accept(c, '#'))
        return MRL_OK;
    for (int b = mrl_config_peek(c); b != -1 && b != '\n'; b = mrl_config_peek(c)) {
        if ((b < ' ' && b != '\t' && b != '\r') || b == 0x7f)
            return malformed(c, "control character in a comment");
        advance(c);
    }
    return MRL_OK;
}

mrl_err mrl_config_end_line(struct mrl_config_cursor *c)
{
    mrl_config_skip_blanks(c);
    MRL_TRY(skip_comment(c));
    (void)mrl_config_accept(c, '\r'); /* a file written on Windows */
    if (mrl_config_peek(c) != -1 && !mrl_config_accept(c, '\n'))
        return malformed(c, "more on the line than one item");
    return MRL_OK;
}

static mrl_err read_hex(struct mrl_config_cursor *c, unsigned digits, uint32_t *out)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < digits; i++) {
        int b = mrl_config_peek(c);

        if (b >= '0' && b <= '9')
            v = v * 16 + (uint32_t)(b - '0');
        else if ((b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F'))
            v = v * 16 + (uint32_t)((b | 0x20) - 'a' + 10);
        else
            return malformed(c, "\\u needs 4 and \\U 8 hexadecimal digits");
        advance(c);
    }
    *out = v;
    return MRL_OK;
}

/* Surrogates and too large values make bytes that mrl_utf8_valid refuses. RFC 3629 3 */
static mrl_err put_code_point(struct mrl_buf *to, uint32_t v)
{
    uint8_t bytes[4];
    size_t len = v < 0x80 ? 1 : v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = len - 1; i > 0; i--, v >>= 6)
        bytes[i] = (uint8_t)(0x80 | (v & 0x3f));
    bytes[0] = (uint8_t)(first[len] | v);
    return mrl_buf_append(to, mrl_bytes_of(bytes, len));
}

static mrl_err read_escape(struct mrl_config_cursor *c, struct mrl_buf *to)
{
    static const char names[] = "\"\\ntrbf", values[] = "\"\\\n\t\r\b\f";
    int b = mrl_config_peek(c);
    const char *simple = b <= 0 ? NULL : strchr(names, b);
    uint32_t v = 0;

    if (simple != NULL) {
        advance(c);
        return mrl_buf_append(to, mrl_bytes_of(&values[simple - names], 1));
    }
    if (b != 'u' && b != 'U')
        return malformed(c, "unknown escape in a string");
    advance(c);
    MRL_TRY(read_hex(c, b == 'u' ? 4 : 8, &v));
    if (v == 0 || v > 0x10ffff)
        return malformed(c, "escape that is no character");
    return put_code_point(to, v);
}

static mrl_err read_string_into(struct mrl_config_cursor *c, struct mrl_buf *to)
{
    while (!mrl_config_accept(c, '"')) {
        int b = mrl_config_peek(c);
        uint8_t byte = (uint8_t)b;

        if (b == -1 || b == '\n' || b == '\r')
            return malformed(c, "string without closing quote");
        if ((b < ' ' && b != '\t') || b == 0x7f)
            return malformed(c, "control character in a string");
        advance(c);
        if (b == '\\')
            MRL_TRY(read_escape(c, to));
        else
            MRL_TRY(mrl_buf_append(to, mrl_bytes_of(&byte, 1)));
    }
    return MRL_OK;
}

static mrl_err read_string(struct mrl_config_cursor *c, mrl_bytes *out)
{
    MRL_SCOPED(mrl_buf) text = {0}; /* bounded by the file */
    char *copy;

    if (!mrl_config_accept(c, '"'))
        return malformed(c, "a string in \"quotes\" is wanted");
    MRL_TRY(read_string_into(c, &text));
    if (!mrl_utf8_valid(mrl_buf_bytes(&text)))
        return malformed(c, "string is not UTF-8");
    copy = mrl_arena_cstr(c->arena, mrl_buf_bytes(&text));
    *out = mrl_bytes_of(copy, text.len);
    return MRL_OK;
}

/* Between the items of a list: blanks, comments, ends of line. */
static mrl_err skip_lines(struct mrl_config_cursor *c)
{
    size_t before;

    do {
        before = c->at;
        mrl_config_skip_blanks(c);
        MRL_TRY(skip_comment(c));
        (void)mrl_config_accept(c, '\r'); /* a lone one is found by what follows */
        (void)mrl_config_accept(c, '\n'); /* there may be none */
    } while (c->at != before);
    return MRL_OK;
}

static mrl_err read_items(struct mrl_config_cursor *c, struct mrl_buf *items)
{
    MRL_TRY(skip_lines(c));
    while (!mrl_config_accept(c, ']')) {
        mrl_bytes item;

        MRL_TRY(read_string(c, &item));
        MRL_TRY(mrl_buf_append(items, mrl_bytes_of(&item, sizeof(item))));
        MRL_TRY(skip_lines(c));
        if (!mrl_config_accept(c, ',') && mrl_config_peek(c) != ']')
            return malformed(c, "list needs , or ] here");
        MRL_TRY(skip_lines(c));
    }
    return MRL_OK;
}

static mrl_err read_list(struct mrl_config_cursor *c, struct mrl_config_strings *out)
{
    MRL_SCOPED(mrl_buf) items = {0}; /* bounded by the file */
    mrl_bytes *copy;

    MRL_TRY(read_items(c, &items));
    copy = mrl_arena_alloc(c->arena, items.len + 1);
    if (items.len > 0)
        memcpy(copy, items.data, items.len);
    *out = (struct mrl_config_strings){copy, items.len / sizeof(mrl_bytes)};
    return MRL_OK;
}

static mrl_bytes read_word(struct mrl_config_cursor *c)
{
    size_t from = c->at;

    for (int b = mrl_config_peek(c);
         (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || b == '_' ||
         b == '-' || b == '+' || b == '.';
         b = mrl_config_peek(c))
        advance(c);
    return mrl_bytes_sub(c->text, from, c->at - from);
}

static mrl_err read_integer(const struct mrl_config_cursor *c, mrl_bytes word, int64_t *out)
{
    bool negative = mrl_bytes_starts(word, MRL_LIT("-"));
    mrl_bytes digits = negative ? mrl_bytes_sub(word, 1, SIZE_MAX) : word;
    uint64_t v;

    if (!mrl_bytes_to_u64(digits, INT64_MAX, &v) || (digits.len > 1 && digits.data[0] == '0'))
        return malformed(c, "value is no \"string\", integer, true, false or [list]");
    *out = negative ? -(int64_t)v : (int64_t)v;
    return MRL_OK;
}

static mrl_err read_plain(struct mrl_config_cursor *c, struct mrl_config_value *v)
{
    mrl_bytes word = read_word(c);
    bool yes = mrl_bytes_eq(word, MRL_LIT("true"));

    if (yes || mrl_bytes_eq(word, MRL_LIT("false"))) {
        v->kind = MRL_CONFIG_IS_BOOL;
        v->truth = yes;
        return MRL_OK;
    }
    v->kind = MRL_CONFIG_IS_INTEGER;
    return read_integer(c, word, &v->number);
}

mrl_err mrl_config_read_value(struct mrl_config_cursor *c, struct mrl_config_value *out)
{
    *out = (struct mrl_config_value){0};
    if (mrl_config_peek(c) == '"') {
        out->kind = MRL_CONFIG_IS_STRING;
        return read_string(c, &out->text);
    }
    if (mrl_config_accept(c, '[')) {
        out->kind = MRL_CONFIG_IS_LIST;
        return read_list(c, &out->list);
    }
    return read_plain(c, out);
}

/* "512", "64KiB", "10MiB", "2GiB" */
static bool parse_size(mrl_bytes text, uint64_t *out)
{
    static const struct {
        mrl_bytes suffix;
        unsigned shift;
    } units[] = {{MRL_LIT_INIT("KiB"), 10}, {MRL_LIT_INIT("MiB"), 20}, {MRL_LIT_INIT("GiB"), 30}};
    unsigned shift = 0;
    uint64_t v;

    for (size_t i = 0; i < MRL_COUNT(units); i++) {
        if (shift == 0 && mrl_bytes_ends(text, units[i].suffix)) {
            shift = units[i].shift;
            text.len -= units[i].suffix.len;
        }
    }
    if (!mrl_bytes_to_u64(text, (uint64_t)INT64_MAX >> shift, &v))
        return false;
    *out = v << shift;
    return true;
}

static bool in_range(const struct mrl_config_key *key, uint64_t v)
{
    return v >= (uint64_t)key->min && (key->max == 0 || v <= (uint64_t)key->max);
}

/* Each writes *field only when the value is acceptable. */
static bool store_string(const struct mrl_config_key *key, const struct mrl_config_value *v,
                         void *field)
{
    if (v->kind != MRL_CONFIG_IS_STRING || !in_range(key, v->text.len))
        return false;
    *(mrl_bytes *)field = v->text;
    return true;
}

static bool store_integer(const struct mrl_config_key *key, const struct mrl_config_value *v,
                          void *field)
{
    if (v->kind != MRL_CONFIG_IS_INTEGER || v->number < key->min || v->number > key->max)
        return false;
    *(int64_t *)field = v->number;
    return true;
}

static bool store_bool(const struct mrl_config_key *key, const struct mrl_config_value *v,
                       void *field)
{
    (void)key;
    if (v->kind != MRL_CONFIG_IS_BOOL)
        return false;
    *(bool *)field = v->truth;
    return true;
}

static bool store_duration(const struct mrl_config_key *key, const struct mrl_config_value *v,
                           void *field)
{
    uint64_t seconds;

    if (v->kind != MRL_CONFIG_IS_STRING || !mrl_duration_parse(v->text, &seconds) ||
        !in_range(key, seconds))
        return false;
    *(uint64_t *)field = seconds;
    return true;
}

static bool store_size(const struct mrl_config_key *key, const struct mrl_config_value *v,
                       void *field)
{
    uint64_t bytes;

    if (v->kind != MRL_CONFIG_IS_STRING || !parse_size(v->text, &bytes) || !in_range(key, bytes))
        return false;
    *(uint64_t *)field = bytes;
    return true;
}

static bool store_strings(const struct mrl_config_key *key, const struct mrl_config_value *v,
                          void *field)
{
    if (v->kind != MRL_CONFIG_IS_LIST || !in_range(key, v->list.count))
        return false;
    *(struct mrl_config_strings *)field = v->list;
    return true;
}

static bool store_choice(const struct mrl_config_key *key, const struct mrl_config_value *v,
                         void *field)
{
    if (v->kind != MRL_CONFIG_IS_STRING)
        return false;
    for (int i = 0; key->choices[i] != NULL; i++) {
        if (mrl_bytes_eq(v->text, mrl_str(key->choices[i]))) {
            *(int *)field = i;
            return true;
        }
    }
    return false;
}

static const struct {
    bool (*store)(const struct mrl_config_key *, const struct mrl_config_value *, void *);
    const char *accepts;
} types[] = {
    [MRL_CONFIG_STRING] = {store_string, "a \"string\""},
    [MRL_CONFIG_INTEGER] = {store_integer, "an integer"},
    [MRL_CONFIG_BOOL] = {store_bool, "true or false"},
    [MRL_CONFIG_DURATION] = {store_duration,
                             "a duration such as \"90s\", \"15m\", \"12h\", \"180d\""},
    [MRL_CONFIG_SIZE] = {store_size, "a size such as \"512\", \"64KiB\", \"10MiB\", \"2GiB\""},
    [MRL_CONFIG_STRINGS] = {store_strings, "a list such as [\"a\", \"b\"]"},
    [MRL_CONFIG_CHOICE] = {store_choice, "one of"},
};

static const char *unit_of(enum mrl_config_type type)
{
    static const char *const units[] = {[MRL_CONFIG_STRING] = " bytes long",
                                        [MRL_CONFIG_DURATION] = " seconds",
                                        [MRL_CONFIG_SIZE] = " bytes",
                                        [MRL_CONFIG_STRINGS] = " items",
                                        [MRL_CONFIG_CHOICE] = ""};

    return units[type] == NULL ? "" : units[type];
}

static mrl_err put_range(const struct mrl_config_key *key, struct mrl_buf *out)
{
    const char *unit = unit_of(key->type);
    bool both = key->max != 0 || key->type == MRL_CONFIG_INTEGER;

    if (both)
        return mrl_buf_printf(out, ", from %lld to %lld%s", (long long)key->min,
                              (long long)key->max, unit);
    if (key->min > 0)
        return mrl_buf_printf(out, ", at least %lld%s", (long long)key->min, unit);
    return MRL_OK;
}

mrl_err mrl_config_accepts(const struct mrl_config_key *key, struct mrl_buf *out)
{
    MRL_TRY(mrl_buf_append(out, mrl_str(types[key->type].accepts)));
    if (key->type == MRL_CONFIG_BOOL)
        return MRL_OK;
    if (key->type != MRL_CONFIG_CHOICE)
        return put_range(key, out);
    for (size_t i = 0; key->choices[i] != NULL; i++)
        MRL_TRY(mrl_buf_printf(out, "%s\"%s\"", i == 0 ? " " : ", ", key->choices[i]));
    return MRL_OK;
}

mrl_err mrl_config_store(const struct mrl_config_key *key, const struct mrl_config_value *value,
                         unsigned line, void *field, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) accepts = {0};

    if (types[key->type].store(key, value, field))
        return MRL_OK;
    MRL_TRY(mrl_config_accepts(key, &accepts));
    return mrl_fail(why, MRL_ERR_INVALID, "line %u: %s accepts %.*s", line, key->name,
                    MRL_FMT(mrl_buf_bytes(&accepts)));
}
