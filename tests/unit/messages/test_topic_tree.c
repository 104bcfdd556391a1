/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/topic_tree.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/random.h"
#include "tests/unit/unit.h"

struct stored {
    struct mrl_topic_entry entry;
    char name[32];
    unsigned visits;
};

static void count_visit(struct mrl_topic_entry *e, void *context)
{
    (*(unsigned *)context)++;
    MRL_CONTAINER(e, struct stored, entry)->visits++;
}

static unsigned matches(const char *filter, const char *topic)
{
    struct mrl_topic_tree tree = {0};
    struct stored s = {0};
    unsigned visits = 0;

    mrl_topic_tree_add(&tree, mrl_str(filter), &s.entry);
    mrl_topic_tree_match(&tree, mrl_str(topic), count_visit, &visits);
    mrl_topic_tree_remove(&tree, &s.entry);
    assert_null(tree.root);
    return visits;
}

static unsigned selects(const char *filter, const char *topic)
{
    struct mrl_topic_tree tree = {0};
    struct stored s = {0};
    unsigned visits = 0;

    mrl_topic_tree_add(&tree, mrl_str(topic), &s.entry);
    mrl_topic_tree_select(&tree, mrl_str(filter), count_visit, &visits);
    mrl_topic_tree_remove(&tree, &s.entry);
    return visits;
}

static const struct {
    const char *filter, *topic;
    unsigned hits;
} examples[] = {
    /* MQTT 5.0 4.7.1 and 4.7.2 */
    {"sport/tennis/player1/#", "sport/tennis/player1", 1},
    {"sport/tennis/player1/#", "sport/tennis/player1/ranking", 1},
    {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", 1},
    {"sport/#", "sport", 1},
    {"#", "sport/tennis", 1},
    {"sport/tennis/+", "sport/tennis/player1", 1},
    {"sport/tennis/+", "sport/tennis/player1/ranking", 0},
    {"sport/+", "sport", 0},
    {"sport/+", "sport/", 1},
    {"+/+", "/finance", 1},
    {"/+", "/finance", 1},
    {"+", "/finance", 0},
    {"#", "$SYS/uptime", 0},
    {"+/uptime", "$SYS/uptime", 0},
    {"$SYS/#", "$SYS/uptime", 1},
    {"$SYS/+", "$SYS/uptime", 1},
    {"a/#", "a/$b", 1},
    {"a//b", "a//b", 1},
    {"a/+/b", "a//b", 1},
    {"a/b", "a/b/", 0},
};

static void the_examples_of_the_standard(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(examples); i++) {
        assert_int_equal(matches(examples[i].filter, examples[i].topic), examples[i].hits);
        assert_int_equal(selects(examples[i].filter, examples[i].topic), examples[i].hits);
    }
}

static void every_entry_is_visited_once_and_emptied_branches_go(void **state)
{
    struct mrl_topic_tree tree = {0};
    static struct stored stored[200];
    static const char *const names[] = {"a/b", "a/+", "a/#", "#", "+/b"};
    unsigned visits = 0;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(stored); i++)
        mrl_topic_tree_add(&tree, mrl_str(names[i % MRL_COUNT(names)]), &stored[i].entry);
    mrl_topic_tree_match(&tree, MRL_LIT("a/b"), count_visit, &visits);
    assert_int_equal(visits, MRL_COUNT(stored));
    for (size_t i = 0; i < MRL_COUNT(stored); i++) {
        assert_int_equal(stored[i].visits, 1);
        mrl_topic_tree_remove(&tree, &stored[i].entry);
        mrl_topic_tree_remove(&tree, &stored[i].entry);
    }
    assert_null(tree.root);
    assert_int_equal(tree.count, 0);
}

/* A random name over a tiny alphabet, so that collisions of every kind happen. */
static void random_name(char *to, const char *const *levels, uint32_t kinds)
{
    uint32_t count = 1 + mrl_random_below(3);
    size_t used = 0;

    to[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        const char *level = levels[mrl_random_below(kinds)];

        if (i > 0)
            used += (size_t)snprintf(to + used, 32 - used, "/");
        used += (size_t)snprintf(to + used, 32 - used, "%s", level);
        if (strcmp(level, "#") == 0)
            return;
    }
}

static void match_and_select_agree(void **state)
{
    static const char *const levels[] = {"a", "", "$x", "+", "#"};
    unsigned hits = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        char filter[32], topic[32];
        unsigned found;

        random_name(filter, levels, 5);
        random_name(topic, levels, 3);
        if (topic[0] == '\0' || filter[0] == '\0')
            continue; /* at least one character. MQTT 4.7.3-1 */
        found = matches(filter, topic);
        assert_true(found <= 1);
        assert_int_equal(found, selects(filter, topic));
        hits += found;
    }
    assert_true(hits > 1000);
}

static void find_is_exact(void **state)
{
    struct mrl_topic_tree tree = {0};
    struct stored s = {0};

    (void)state;
    mrl_topic_tree_add(&tree, MRL_LIT("a/b/c"), &s.entry);
    assert_null(mrl_topic_tree_find(&tree, MRL_LIT("a/b")));
    assert_null(mrl_topic_tree_find(&tree, MRL_LIT("a/b/c/")));
    assert_ptr_equal(mrl_topic_tree_find(&tree, MRL_LIT("a/b/c")), &s.entry);
    mrl_topic_tree_remove(&tree, &s.entry);
    assert_null(mrl_topic_tree_find(&tree, MRL_LIT("a/b/c")));
}

/* Root, "a", and one a leaf. */
static void selecting_stops_after_so_many_nodes(void **state)
{
    static const char *const filters[] = {"#", "a/#", "a/+", "+/+"};
    struct mrl_topic_tree tree = {0};
    struct stored s[8] = {0};

    (void)state;
    for (unsigned i = 0; i < MRL_COUNT(s); i++) {
        (void)snprintf(s[i].name, sizeof(s[i].name), "a/%u", i);
        mrl_topic_tree_add(&tree, mrl_str(s[i].name), &s[i].entry);
    }
    for (unsigned i = 0; i < MRL_COUNT(filters); i++) {
        size_t all = 2 + MRL_COUNT(s) + (filters[i][strlen(filters[i]) - 1] == '#');
        size_t enough = all + 5, one_less = all - 1;
        unsigned visits = 0;

        assert_true(mrl_topic_tree_select_within(&tree, mrl_str(filters[i]), &enough, count_visit,
                                                 &visits));
        assert_int_equal(visits, MRL_COUNT(s));
        assert_int_equal(enough, 5);
        assert_false(mrl_topic_tree_select_within(&tree, mrl_str(filters[i]), &one_less,
                                                  count_visit, &visits));
        assert_int_equal(one_less, 0);
    }
    for (unsigned i = 0; i < MRL_COUNT(s); i++)
        mrl_topic_tree_remove(&tree, &s[i].entry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard),
        cmocka_unit_test(every_entry_is_visited_once_and_emptied_branches_go),
        cmocka_unit_test(match_and_select_agree),
        cmocka_unit_test(find_is_exact),
        cmocka_unit_test(selecting_stops_after_so_many_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
