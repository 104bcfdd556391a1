/* SPDX-License-Identifier: Apache-2.0 */
#include "access/reach.h"

#include <stdio.h>

#include "base/attr.h"

#include "tests/unit/unit.h"
#include "wire/mqtt_topic.h"

enum { LEVELS = 8 };

struct cut {
    struct mrl_level levels[LEVELS];
    struct mrl_filter filter;
};

static const struct mrl_filter *cut(struct cut *c, const char *text)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(mrl_str(text));
    mrl_bytes level;

    c->filter = (struct mrl_filter){c->levels, 0};
    while (mrl_mqtt_level_next(&it, &level)) {
        assert_true(c->filter.count < LEVELS);
        assert_true(mrl_level_read(level, &c->levels[c->filter.count++]));
    }
    return &c->filter;
}

static bool covers(const char *wide, const char *narrow)
{
    struct cut a, b;

    return mrl_filter_covers(cut(&a, wide), cut(&b, narrow));
}

static bool overlap(const char *one, const char *other)
{
    struct cut a, b;
    bool answer = mrl_filters_overlap(cut(&a, one), cut(&b, other));

    if (answer != mrl_filters_overlap(&b.filter, &a.filter))
        fail_msg("%s and %s overlap on one side only", one, other);
    return answer;
}

static void variables_cover_themselves_and_plus_covers_them(void **state)
{
    static const struct {
        const char *wide, *narrow;
        bool covers;
    } rows[] = {
        {"d/${id}/#", "d/${id}/x", true},  {"d/${id}/#", "d/${id}", true},
        {"d/+/#", "d/${id}/x", true},      {"+/x", "${id}/x", true},
        {"d/${id}/#", "d/+/x", false},     {"d/${id}", "d/${group}", false},
        {"${attr.a}", "${attr.b}", false}, {"${attr.a}", "${attr.a}", true},
        {"d/${id}", "d/x", false},         {"d/x", "d/${id}", false},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++)
        if (covers(rows[i].wide, rows[i].narrow) != rows[i].covers)
            fail_msg("%s covers %s", rows[i].wide, rows[i].narrow);
}

static void a_variable_meets_what_its_value_could_be(void **state)
{
    static const struct {
        const char *one, *other;
        bool overlap;
    } rows[] = {
        {"d/${id}", "d/pump", true},
        {"d/${id}", "d/a b", false},
        {"d/${attr.x}", "d/a b", true},
        {"d/${id}", "d/", false},
        {"d/${attr.x}", "d/", false},
        {"d/${id}", "d/+", true},
        {"d/${id}", "d/${group}", true},
        {"d/${id}/x", "d/#", true},
        {"d/${id}/x", "d/${id}/y", false},
        {"d/${id}", "e/#", false},
        {"d/#", "d", true},
        {"d/${id}/#", "d/+/y/#", true},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++)
        if (overlap(rows[i].one, rows[i].other) != rows[i].overlap)
            fail_msg("%s and %s", rows[i].one, rows[i].other);
}

/* --- without variables: against what they match --- */

static char filters[600][24], topics[600][24];
static size_t filter_count, topic_count;

static void add(char list[][24], size_t *count, const char *text)
{
    assert_true(*count < 600);
    (void)snprintf(list[(*count)++], 24, "%s", text);
}

static void grow(const char *const *levels, size_t n, const char *before, unsigned depth,
                 void (*keep)(const char *text))
{
    for (size_t i = 0; i < n; i++) {
        char text[24];

        (void)snprintf(text, sizeof(text), "%s%s%s", before, depth > 0 ? "/" : "", levels[i]);
        keep(text);
        if (depth < 3)
            grow(levels, n, text, depth + 1, keep);
    }
}

static void keep_filter(const char *text)
{
    size_t slashes = 0;

    for (const char *c = text; *c != '\0'; c++)
        slashes += *c == '/';
    if (slashes < 3 && mrl_mqtt_filter_valid(mrl_str(text)))
        add(filters, &filter_count, text);
}

static void keep_topic(const char *text)
{
    if (mrl_mqtt_topic_valid(mrl_str(text)))
        add(topics, &topic_count, text);
}

/* A level that no filter has, and one level more than the deepest filter: enough to tell. */
static void filters_compare_as_what_they_match_does(void **state)
{
    static const char *const in_filters[] = {"a", "", "+", "#"}, *const in_topics[] = {"a", "",
                                                                                       "z"};

    (void)state;
    grow(in_filters, MRL_COUNT(in_filters), "", 0, keep_filter);
    grow(in_topics, MRL_COUNT(in_topics), "", 0, keep_topic);
    for (size_t i = 0; i < filter_count; i++)
        for (size_t j = 0; j < filter_count; j++) {
            bool all = true, some = false;

            for (size_t t = 0; t < topic_count; t++) {
                bool left = mrl_mqtt_filter_matches(mrl_str(filters[i]), mrl_str(topics[t])),
                     right = mrl_mqtt_filter_matches(mrl_str(filters[j]), mrl_str(topics[t]));

                all = all && (left || !right);
                some = some || (left && right);
            }
            if (covers(filters[i], filters[j]) != all)
                fail_msg("%s covers %s: not %d", filters[i], filters[j], !all);
            if (overlap(filters[i], filters[j]) != some)
                fail_msg("%s and %s overlap: not %d", filters[i], filters[j], !some);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_cover_themselves_and_plus_covers_them),
        cmocka_unit_test(a_variable_meets_what_its_value_could_be),
        cmocka_unit_test(filters_compare_as_what_they_match_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
