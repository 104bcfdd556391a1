/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/telemetry.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/list.h"
#include "base/map.h"
#include "base/writer.h"
#include "watch/metrics.h"
#include "wire/mqtt_topic.h"

enum {
    FILTER_MAX = 512, /* bytes of a mapping's filter as written */
    VARIABLES_MAX = 4,
    DEVICE_MAX = 256,
    EXPANDED_MAX = FILTER_MAX + VARIABLES_MAX * DEVICE_MAX,
    NAME_MAX_ = 128,
    HELP_MAX = 256,
    FIELD_MAX = 128,
    FIELD_DEPTH = 8,
    NUMBER_MAX = 64,       /* bytes of a payload that is a number */
    OBJECT_MAX = 16 << 10, /* bytes of a payload that is an object */
    LABEL_MAX = 2 * DEVICE_MAX + 16,
};

/* The last reading of one device. */
struct series {
    struct mrl_map_node node; /* by device */
    struct mrl_list age;
    uint64_t seen_ms;
    double value;
    size_t len;
    char device[];
};

/* One family of the scrape; several mappings may fill it. */
struct family {
    const struct mrl_telemetry_mapping *mapping; /* the first one */
    char name[NAME_MAX_ + 1];
    char help[HELP_MAX + 1];
    struct mrl_map devices;
    struct mrl_list oldest; /* by the time of the last reading */
};

struct mrl_telemetry {
    const struct mrl_telemetry_mapping *mappings;
    size_t count;
    struct family **family_of; /* of each mapping */
    struct family *families;
    size_t family_count;
    pthread_mutex_t lock; /* the series of all families */
};

static bool name_byte(uint8_t c, bool first)
{
    return c == '_' || c == ':' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (!first && c >= '0' && c <= '9');
}

static mrl_err check_metric(mrl_bytes name, struct mrl_why *why)
{
    bool good = name.len > 0 && name.len <= NAME_MAX_;

    for (size_t i = 0; good && i < name.len; i++)
        good = name_byte(name.data[i], i == 0);
    if (!good)
        return mrl_fail(why, MRL_ERR_INVALID, "'%.*s' is no name of a metric", MRL_FMT(name));
    if (mrl_bytes_starts(name, MRL_LIT("merlon_")))
        return mrl_fail(why, MRL_ERR_INVALID, "metric %.*s: merlon_ is for Merlon's own",
                        MRL_FMT(name));
    return MRL_OK;
}

/* The filter with the device in the place of each ${id}. MRL_ERR_LIMIT: too many of them. */
static mrl_err expand(mrl_bytes filter, mrl_bytes device, struct mrl_writer *w)
{
    struct mrl_mqtt_levels levels = mrl_mqtt_levels_of(filter);
    unsigned variables = 0;
    bool first = true;
    mrl_bytes level;

    while (mrl_mqtt_level_next(&levels, &level)) {
        bool variable = mrl_bytes_eq(level, MRL_LIT("${id}"));

        if (!first)
            mrl_put_u8(w, '/');
        first = false;
        variables += variable;
        mrl_put_bytes(w, variable ? device : level);
    }
    return variables <= VARIABLES_MAX && !w->overflow ? MRL_OK : MRL_ERR_LIMIT;
}

static mrl_err check_filter(mrl_bytes filter, struct mrl_why *why)
{
    uint8_t space[EXPANDED_MAX];
    struct mrl_writer w = mrl_writer_on(space, sizeof(space));
    mrl_bytes expanded, group, plain;

    if (filter.len == 0 || filter.len > FILTER_MAX || expand(filter, MRL_LIT("x"), &w) != MRL_OK ||
        mrl_writer_end(&w, &expanded) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "telemetry topic: 1 to %d bytes, ${id} at most %d times", FILTER_MAX,
                        VARIABLES_MAX);
    if (!mrl_mqtt_filter_valid(expanded) || mrl_mqtt_share_split(expanded, &group, &plain))
        return mrl_fail(why, MRL_ERR_INVALID, "'%.*s' is no topic filter", MRL_FMT(filter));
    if (mrl_bytes_find(expanded, '{', 0) < expanded.len)
        return mrl_fail(why, MRL_ERR_INVALID, "'%.*s': only ${id}, and only as a whole level",
                        MRL_FMT(filter));
    return MRL_OK;
}

static mrl_err check_field(mrl_bytes field, struct mrl_why *why)
{
    mrl_bytes level, rest = field;
    unsigned depth = 0;
    bool more = field.len > 0;

    while (more) {
        more = mrl_bytes_split(rest, '.', &level, &rest);
        if (level.len == 0 || ++depth > FIELD_DEPTH || field.len > FIELD_MAX)
            return mrl_fail(why, MRL_ERR_INVALID,
                            "'%.*s' is no field: names with dots between, at most %d",
                            MRL_FMT(field), FIELD_DEPTH);
    }
    return MRL_OK;
}

/* In the text format a help ends with its line. */
static mrl_err check_help(mrl_bytes help, struct mrl_why *why)
{
    bool good = help.len <= HELP_MAX;

    for (size_t i = 0; good && i < help.len; i++)
        good = help.data[i] >= 0x20 && help.data[i] != '\\' && help.data[i] != 0x7f;
    return good
               ? MRL_OK
               : mrl_fail(why, MRL_ERR_INVALID,
                          "help of a metric: at most %d bytes of one line, no backslash", HELP_MAX);
}

static mrl_err check(const struct mrl_telemetry_mapping *m, struct mrl_why *why)
{
    MRL_TRY(check_metric(m->metric, why));
    MRL_TRY(check_filter(m->topic, why));
    MRL_TRY(check_field(m->field, why));
    return check_help(m->help, why);
}

/* The family of that name, made when there is none. */
static mrl_err family_of(struct mrl_telemetry *t, const struct mrl_telemetry_mapping *m,
                         struct family **out, struct mrl_why *why)
{
    struct family *f;

    for (size_t i = 0; i < t->family_count; i++) {
        f = &t->families[i];
        if (!mrl_bytes_eq(f->mapping->metric, m->metric))
            continue;
        if (!mrl_bytes_eq(f->mapping->help, m->help))
            return mrl_fail(why, MRL_ERR_INVALID, "metric %.*s is mapped twice with other help",
                            MRL_FMT(m->metric));
        *out = f;
        return MRL_OK;
    }
    f = &t->families[t->family_count++];
    f->mapping = m;
    mrl_list_init(&f->oldest);
    *out = f;
    return mrl_bytes_to_cstr(m->metric, f->name, sizeof(f->name)) &&
                   mrl_bytes_to_cstr(m->help, f->help, sizeof(f->help))
               ? MRL_OK
               : mrl_fail(why, MRL_ERR_INVALID, "a NUL byte in a metric");
}

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

MRL_AUTO_DEFINE(mrl_telemetry);

mrl_err mrl_telemetry_new(const struct mrl_telemetry_mapping *mappings, size_t count,
                          struct mrl_telemetry **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_telemetry) t = must(calloc(1, sizeof(*t)));

    if (pthread_mutex_init(&t->lock, NULL) != 0)
        abort();
    t->mappings = mappings;
    t->count = count;
    t->family_of = must(calloc(count + 1, sizeof(struct family *)));
    t->families = must(calloc(count + 1, sizeof(*t->families)));
    for (size_t i = 0; i < count; i++) {
        MRL_TRY(check(&mappings[i], why));
        MRL_TRY(family_of(t, &mappings[i], &t->family_of[i], why));
    }
    *out = MRL_TAKE(t);
    return MRL_OK;
}

static void drop(struct family *f, struct series *s)
{
    mrl_map_remove(&f->devices, &s->node);
    mrl_list_remove(&s->age);
    free(s);
}

static void family_done(struct family *f)
{
    MRL_LIST_EACH(s, &f->oldest, struct series, age)
    drop(f, s);
    mrl_map_done(&f->devices);
}

void mrl_telemetry_free(struct mrl_telemetry *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->family_count; i++)
        family_done(&t->families[i]);
    pthread_mutex_destroy(&t->lock);
    free(t->families);
    free(t->family_of);
    free(t);
}

/* A decimal number and nothing else: strtod alone would also take "inf", "nan" and "0x1p3". */
static bool read_number(mrl_bytes text, double *out)
{
    char number[NUMBER_MAX + 1];
    char *end;

    text = mrl_bytes_trim(text);
    if (text.len == 0 || !mrl_bytes_to_cstr(text, number, sizeof(number)) ||
        strspn(number, "+-.0123456789eE") != text.len)
        return false;
    *out = strtod(number, &end);
    return *end == '\0' && isfinite(*out);
}

static bool read_field(mrl_bytes field, mrl_bytes payload, double *out)
{
    const struct mrl_json_limits limits = {OBJECT_MAX, FIELD_DEPTH};
    MRL_AUTO(json_t) root = NULL;
    const json_t *at;
    mrl_bytes level;
    bool more = true;

    if (mrl_json_read(payload, &limits, &root, NULL) != MRL_OK)
        return false;
    at = root;
    while (more && at != NULL) {
        more = mrl_bytes_split(field, '.', &level, &field);
        at = json_object_getn(at, (const char *)level.data, level.len);
    }
    if (!json_is_number(at))
        return false;
    *out = json_number_value(at);
    return isfinite(*out);
}

static bool is_stale(const struct series *s, uint64_t now)
{
    return now - s->seen_ms > MRL_TELEMETRY_STALE_MS;
}

/* The silent ones give their places back; they stand first. */
static void drop_stale(struct family *f, uint64_t now)
{
    MRL_LIST_EACH(s, &f->oldest, struct series, age)
    {
        if (!is_stale(s, now))
            return;
        drop(f, s);
    }
}

static struct series *series_new(struct family *f, mrl_bytes device)
{
    struct series *s = must(calloc(1, sizeof(*s) + device.len));

    memcpy(s->device, device.data, device.len);
    s->len = device.len;
    s->node.key = mrl_bytes_of(s->device, s->len);
    mrl_list_init(&s->age);
    mrl_map_insert(&f->devices, &s->node);
    return s;
}

/* false: no place for one more device. */
static bool keep(struct family *f, size_t most, mrl_bytes device, double value)
{
    uint64_t now = mrl_monotonic_ms();
    struct mrl_map_node *node = mrl_map_find(&f->devices, device);
    struct series *s;

    if (node == NULL && f->devices.count >= most)
        drop_stale(f, now);
    if (node == NULL && f->devices.count >= most)
        return false;
    s = node != NULL ? MRL_CONTAINER(node, struct series, node) : series_new(f, device);
    s->value = value;
    s->seen_ms = now;
    mrl_list_remove(&s->age);
    mrl_list_add(&f->oldest, &s->age);
    return true;
}

static bool is_for(const struct mrl_telemetry_mapping *m, mrl_bytes device, mrl_bytes topic)
{
    uint8_t space[EXPANDED_MAX];
    struct mrl_writer w = mrl_writer_on(space, sizeof(space));
    mrl_bytes filter;

    return expand(m->topic, device, &w) == MRL_OK && mrl_writer_end(&w, &filter) == MRL_OK &&
           mrl_mqtt_filter_matches(filter, topic);
}

static bool observe(struct mrl_telemetry *t, size_t at, mrl_bytes device, mrl_bytes payload)
{
    const struct mrl_telemetry_mapping *m = &t->mappings[at];
    double value;
    bool kept;

    if (m->field.len == 0 ? !read_number(payload, &value) : !read_field(m->field, payload, &value))
        return false;
    pthread_mutex_lock(&t->lock);
    kept = keep(t->family_of[at], m->series, device, value);
    pthread_mutex_unlock(&t->lock);
    return kept;
}

unsigned mrl_telemetry_observe(struct mrl_telemetry *t, mrl_bytes device, mrl_bytes topic,
                               mrl_bytes payload)
{
    unsigned refused = 0;

    if (device.len == 0 || device.len > DEVICE_MAX)
        return 0;
    for (size_t i = 0; i < t->count; i++)
        if (is_for(&t->mappings[i], device, topic) && !observe(t, i, device, payload))
            refused++;
    return refused;
}

struct reading {
    double value;
    size_t len;
    char device[DEVICE_MAX];
};

/* A copy of what is fresh, so that the lock is not held while text is made. */
static struct reading *copy_fresh(struct mrl_telemetry *t, struct family *f, size_t *count)
{
    struct reading *copy;
    size_t n = 0;

    pthread_mutex_lock(&t->lock);
    drop_stale(f, mrl_monotonic_ms());
    copy = must(calloc(f->devices.count + 1, sizeof(*copy)));
    MRL_LIST_EACH(s, &f->oldest, struct series, age)
    {
        copy[n].value = s->value;
        copy[n].len = s->len;
        memcpy(copy[n++].device, s->device, s->len);
    }
    pthread_mutex_unlock(&t->lock);
    *count = n;
    return copy;
}

/* Text format 0.0.4: backslash, quote and line feed of a label value are escaped. */
static void put_label(struct mrl_writer *w, mrl_bytes value)
{
    mrl_put_text(w, "device_id=\"");
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];

        if (c == '\\' || c == '"' || c == '\n')
            mrl_put_u8(w, '\\');
        mrl_put_u8(w, c == '\n' ? 'n' : c);
    }
    mrl_put_u8(w, '"');
    mrl_put_u8(w, '\0');
}

static mrl_err write_reading(const struct family *f, const struct reading *r, struct mrl_buf *out)
{
    char label[LABEL_MAX];
    struct mrl_writer w = mrl_writer_on(label, sizeof(label));
    mrl_bytes whole;

    put_label(&w, mrl_bytes_of(r->device, r->len));
    MRL_TRY(mrl_writer_end(&w, &whole));
    return mrl_expose_sample(out, f->name, label, r->value);
}

static mrl_err write_family(struct mrl_telemetry *t, struct family *f, struct mrl_buf *out)
{
    size_t count = 0;
    struct reading *readings = copy_fresh(t, f, &count);
    mrl_err err = MRL_OK;

    if (count > 0)
        err = mrl_expose_family(out, f->name, "gauge", f->help);
    for (size_t i = 0; i < count && err == MRL_OK; i++)
        err = write_reading(f, &readings[i], out);
    free(readings);
    return err;
}

mrl_err mrl_telemetry_write(struct mrl_telemetry *t, struct mrl_buf *out)
{
    for (size_t i = 0; i < t->family_count; i++)
        MRL_TRY(write_family(t, &t->families[i], out));
    return MRL_OK;
}
