/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_topic.h"

#include <string.h>

#include "base/err.h"
#include "tests/unit/unit.h"

/* The examples of 4.7.1.2, 4.7.1.3, 4.7.2 and 4.7.3. */
static void filters_match_as_the_specification_says(void **state)
{
    static const struct {
        const char *filter;
        const char *topic;
        bool match;
    } cases[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/tennis/player1/#", "sport/tennis/player10", false},
        {"sport/#", "sport", true},
        {"#", "sport", true},
        {"#", "/", true},
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player2", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"+/tennis/#", "sport/tennis/player1", true},
        {"sport/+/player1", "sport/tennis/player1", true},
        {"#", "$SYS/broker", false},
        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
        {"$SYS/#", "$SYS/monitor/Clients", true},
        {"$SYS/#", "$SYS", true},
        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
        {"+", "$SYS", false},
        {"a/#", "a/$b", true}, /* only the first level counts */
        {"a/+", "a/$b", true},
        {"ACCOUNTS", "Accounts", false}, /* 4.7.3: case sensitive */
        {"Accounts payable", "Accounts payable", true},
        {"/finance", "finance", false},
        {"a/b", "a", false},
        {"a", "a/b", false},
        {"a/", "a", false},
        {"a//b", "a/b", false},
        {"a/+/b", "a//b", true},
        {"\xef\xbb\xbf", "", false}, /* [MQTT-1.5.4-3]: U+FEFF is a character like any other */
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++)
        if (mrl_mqtt_filter_matches(mrl_str(cases[i].filter), mrl_str(cases[i].topic)) !=
            cases[i].match)
            fail_msg("%s on %s", cases[i].filter, cases[i].topic);
}

static void names_and_filters_are_judged(void **state)
{
    static const struct {
        mrl_bytes text;
        bool topic;
        bool filter;
    } cases[] = {
        {MRL_LIT_INIT("sport/tennis"), true, true},
        {MRL_LIT_INIT("/"), true, true},
        {MRL_LIT_INIT(" "), true, true},
        {MRL_LIT_INIT("$SYS/x"), true, true},
        {MRL_LIT_INIT("\xef\xbb\xbf"), true, true},
        {MRL_LIT_INIT(""), false, false},
        {MRL_LIT_INIT("#"), false, true},
        {MRL_LIT_INIT("+"), false, true},
        {MRL_LIT_INIT("/#"), false, true},
        {MRL_LIT_INIT("+/tennis/#"), false, true},
        {MRL_LIT_INIT("sport/tennis#"), false, false},
        {MRL_LIT_INIT("sport/tennis/#/ranking"), false, false},
        {MRL_LIT_INIT("#/"), false, false},
        {MRL_LIT_INIT("##"), false, false},
        {MRL_LIT_INIT("sport+"), false, false},
        {MRL_LIT_INIT("+sport"), false, false},
        {MRL_LIT_INIT("++"), false, false},
        {MRL_LIT_INIT("+#"), false, false},
        {MRL_LIT_INIT("a\0b"), false, false},
        {MRL_LIT_INIT("\xc0\x80"), false, false},
        {MRL_LIT_INIT("\xed\xa0\x80"), false, false}, /* a surrogate */
        {MRL_LIT_INIT("$share"), true, true},
        {MRL_LIT_INIT("$shared/x"), true, true},
        {MRL_LIT_INIT("$share/g/a/+/#"), false, true},
        {MRL_LIT_INIT("$share/g/#"), false, true},
        {MRL_LIT_INIT("$share/g//"), true, true}, /* the filter is "/" */
        {MRL_LIT_INIT("$share/"), true, false},
        {MRL_LIT_INIT("$share/g"), true, false},
        {MRL_LIT_INIT("$share/g/"), true, false},
        {MRL_LIT_INIT("$share//a"), true, false},
        {MRL_LIT_INIT("$share/+/a"), false, false},
        {MRL_LIT_INIT("$share/g#/a"), false, false},
        {MRL_LIT_INIT("$share/#"), false, false},
        {MRL_LIT_INIT("$share/g/a#"), false, false},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++)
        if (mrl_mqtt_topic_valid(cases[i].text) != cases[i].topic ||
            mrl_mqtt_filter_valid(cases[i].text) != cases[i].filter)
            fail_msg("%.*s", MRL_FMT(cases[i].text));
}

static void a_name_has_at_most_65535_bytes(void **state)
{
    static uint8_t text[UINT16_MAX + 1];

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_true(mrl_mqtt_topic_valid(mrl_bytes_of(text, UINT16_MAX)));
    assert_true(mrl_mqtt_filter_valid(mrl_bytes_of(text, UINT16_MAX)));
    assert_false(mrl_mqtt_topic_valid(mrl_bytes_of(text, UINT16_MAX + 1)));
    assert_false(mrl_mqtt_filter_valid(mrl_bytes_of(text, UINT16_MAX + 1)));
}

static void a_shared_subscription_is_taken_apart(void **state)
{
    mrl_bytes group;
    mrl_bytes plain;

    (void)state;
    assert_true(mrl_mqtt_share_split(MRL_LIT("$share/consumer/sport/#"), &group, &plain));
    assert_bytes_equal(group, MRL_LIT("consumer"));
    assert_bytes_equal(plain, MRL_LIT("sport/#"));
    assert_false(mrl_mqtt_share_split(MRL_LIT("sport/#"), &group, &plain));
    assert_int_equal(group.len, 0);
    assert_bytes_equal(plain, MRL_LIT("sport/#"));
}

static void levels_come_in_order_empty_ones_too(void **state)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(MRL_LIT("/a//b/"));
    static const char *const want[] = {"", "a", "", "b", ""};
    mrl_bytes level;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(want); i++) {
        assert_true(mrl_mqtt_level_next(&it, &level));
        assert_bytes_equal(level, mrl_str(want[i]));
    }
    assert_false(mrl_mqtt_level_next(&it, &level));
    assert_false(mrl_mqtt_level_next(&it, &level));
}

static void covering_is_judged(void **state)
{
    static const struct {
        const char *wide;
        const char *narrow;
        bool covers;
    } cases[] = {
        {"devices/d1/#", "devices/d1/#", true},
        {"devices/d1/#", "devices/d1", true},
        {"devices/d1/#", "devices/d1/+/x", true},
        {"devices/d1/#", "devices/+/x", false},
        {"devices/d1/#", "devices/#", false},
        {"devices/d1/#", "#", false},
        {"devices/d1/#", "devices/d1x", false},
        {"devices/+", "devices/#", false},
        {"devices/+/#", "devices/#", false}, /* also matches "devices" */
        {"+/#", "#", true},
        {"#", "+/#", true},
        {"#", "$SYS/#", false},
        {"#", "$SYS", false},
        {"+", "$SYS", false},
        {"+/a", "$x/a", false},
        {"#", "+", true},
        {"+/+", "+", false},
        {"/+/#", "/#", true}, /* no topic is empty */
        {"+/+/#", "/#", true},
        {"+/+/#", "a/#", false},
        {"a/#", "a/#", true},
        {"a", "a/#", false},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++)
        if (mrl_mqtt_filter_covers(mrl_str(cases[i].wide), mrl_str(cases[i].narrow)) !=
            cases[i].covers)
            fail_msg("%s over %s", cases[i].wide, cases[i].narrow);
}

enum { MOST_TEXTS = 6000, LONGEST = 5 };
struct texts {
    char text[MOST_TEXTS][LONGEST + 1];
    size_t count;
};

/* All texts over the alphabet up to the length that pass. */
static void collect(struct texts *to, const char *alphabet, size_t longest,
                    bool (*pass)(mrl_bytes text))
{
    size_t letters = strlen(alphabet);
    size_t all = 1;

    for (size_t len = 1; len <= longest; len++) {
        all *= letters;
        for (size_t n = 0; n < all; n++) {
            char text[LONGEST + 1] = "";
            size_t left = n;

            for (size_t i = 0; i < len; i++, left /= letters)
                text[i] = alphabet[left % letters];
            if (!pass(mrl_str(text)))
                continue;
            assert_true(to->count < MOST_TEXTS);
            memcpy(to->text[to->count++], text, sizeof(text));
        }
    }
}

static bool covers_by_trying(const char *wide, const char *narrow, const struct texts *topics)
{
    for (size_t i = 0; i < topics->count; i++) {
        mrl_bytes topic = mrl_str(topics->text[i]);

        if (mrl_mqtt_filter_matches(mrl_str(narrow), topic) &&
            !mrl_mqtt_filter_matches(mrl_str(wide), topic))
            return false;
    }
    return true;
}

/* Filters of up to 4 characters, topics of up to 5: every pair of filters that differ has a topic
 * of one more level, or with a letter ("b") that no filter names, to show it. */
static void covering_agrees_with_trying_every_topic(void **state)
{
    static struct texts filters;
    static struct texts topics;
    size_t covered = 0;

    (void)state;
    collect(&filters, "a$/+#", 4, mrl_mqtt_filter_valid);
    collect(&topics, "ab$/", LONGEST, mrl_mqtt_topic_valid);
    assert_true(filters.count > 150 && topics.count > 1000);
    for (size_t i = 0; i < filters.count; i++) {
        for (size_t j = 0; j < filters.count; j++) {
            const char *wide = filters.text[i];
            const char *narrow = filters.text[j];
            bool says = mrl_mqtt_filter_covers(mrl_str(wide), mrl_str(narrow));

            if (says != covers_by_trying(wide, narrow, &topics))
                fail_msg("%s over %s: says %d", wide, narrow, says);
            covered += says;
        }
    }
    assert_true(covered > filters.count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_match_as_the_specification_says),
        cmocka_unit_test(names_and_filters_are_judged),
        cmocka_unit_test(a_name_has_at_most_65535_bytes),
        cmocka_unit_test(a_shared_subscription_is_taken_apart),
        cmocka_unit_test(levels_come_in_order_empty_ones_too),
        cmocka_unit_test(covering_is_judged),
        cmocka_unit_test(covering_agrees_with_trying_every_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
