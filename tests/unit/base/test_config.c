/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "tests/unit/unit.h"

struct mqtt {
    mrl_bytes listen;
    int64_t keepalive;
    bool enabled;
    uint64_t idle;
    uint64_t packet;
    struct mrl_config_strings names;
    int mode;
};
struct peer {
    mrl_bytes name;
    int64_t weight;
};
struct config {
    mrl_bytes title;
    struct mqtt mqtt;
    struct peer peers[2];
    size_t peer_count;
};

static const char *const modes[] = {"open", "closed", NULL};
static const struct mrl_config_key top_keys[] = {
    {"title", MRL_CONFIG_STRING, offsetof(struct config, title), "\"none\"", "Title.", 1, 5},
};
static const struct mrl_config_key mqtt_keys[] = {
    {"listen", MRL_CONFIG_STRING, offsetof(struct mqtt, listen), "\":8883\"", "Address."},
    {"keepalive", MRL_CONFIG_INTEGER, offsetof(struct mqtt, keepalive), "60", "Seconds.", -1, 100},
    {"enabled", MRL_CONFIG_BOOL, offsetof(struct mqtt, enabled), "true", "Whether at all."},
    {"idle", MRL_CONFIG_DURATION, offsetof(struct mqtt, idle), "\"2m\"", "Idle.", 60, 3600},
    {"packet", MRL_CONFIG_SIZE, offsetof(struct mqtt, packet), "\"64KiB\"", "Packet.", 1, 1 << 20},
    {"names", MRL_CONFIG_STRINGS, offsetof(struct mqtt, names), "[\"a\"]", "Names.", 0, 3},
    {"mode", MRL_CONFIG_CHOICE, offsetof(struct mqtt, mode), "\"closed\"", "Mode.", 0, 0, modes},
};
static const struct mrl_config_key peer_keys[] = {
    {"name", MRL_CONFIG_STRING, offsetof(struct peer, name), NULL, "Name."},
    {"weight", MRL_CONFIG_INTEGER, offsetof(struct peer, weight), "1", "Weight.", 0, 9},
};
static const struct mrl_config_section sections[] = {
    {"", "General.", top_keys, MRL_COUNT(top_keys), 0},
    {"mqtt", "MQTT door.", mqtt_keys, MRL_COUNT(mqtt_keys), offsetof(struct config, mqtt)},
    {"peer", "Peers.", peer_keys, MRL_COUNT(peer_keys), offsetof(struct config, peers), 2,
     sizeof(struct peer), offsetof(struct config, peer_count)},
};
static const struct mrl_config_schema schema = {sections, MRL_COUNT(sections),
                                                sizeof(struct config)};

static void defaults_apply_to_an_empty_file(void **state)
{
    MRL_SCOPED(mrl_arena) a = {0};
    struct config c;

    (void)state;
    assert_ok(mrl_config_read(&schema, MRL_BYTES_NONE, &a, &c, NULL));
    assert_bytes_equal(c.title, MRL_LIT("none"));
    assert_bytes_equal(c.mqtt.listen, MRL_LIT(":8883"));
    assert_int_equal(c.mqtt.keepalive, 60);
    assert_true(c.mqtt.enabled);
    assert_int_equal(c.mqtt.idle, 120);
    assert_int_equal(c.mqtt.packet, 65536);
    assert_int_equal(c.mqtt.names.count, 1);
    assert_int_equal(c.mqtt.mode, 1);
    assert_int_equal(c.peer_count, 0);
}

static void every_type_is_read(void **state)
{
    const char *text = "# comment\r\ntitle = \"\\u00fc\\n\" # more\n\n [mqtt]\nkeepalive=-1\n"
                       "enabled = false\nidle = \"1h\"\npacket = \"1MiB\"\nmode = \"open\"\n"
                       "names = [ # first\n  \"x\",\n  \"a\\\"\\\\\",\n]\n[[peer]]\nname = \"p\"\n"
                       "[[peer]]\nname = \"q\"\nweight = 9";
    MRL_SCOPED(mrl_arena) a = {0};
    struct config c;
    struct mrl_why why = {0};

    (void)state;
    if (mrl_config_read(&schema, mrl_str(text), &a, &c, &why) != MRL_OK)
        fail_msg("%s", why.text);
    assert_bytes_equal(c.title, MRL_LIT("\xc3\xbc\n"));
    assert_int_equal(c.title.data[c.title.len], 0);
    assert_int_equal(c.mqtt.keepalive, -1);
    assert_false(c.mqtt.enabled);
    assert_int_equal(c.mqtt.idle, 3600);
    assert_int_equal(c.mqtt.packet, 1 << 20);
    assert_int_equal(c.mqtt.mode, 0);
    assert_int_equal(c.mqtt.names.count, 2);
    assert_bytes_equal(c.mqtt.names.at[1], MRL_LIT("a\"\\"));
    assert_int_equal(c.peer_count, 2);
    assert_int_equal(c.peers[0].weight, 1);
    assert_bytes_equal(c.peers[1].name, MRL_LIT("q"));
}

static void mistakes_are_explained(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"[mqtt]\nlisten = \"a\"\nlisen = \"b\"\n",
         "line 3: unknown key \"lisen\" in [mqtt]; did you mean \"listen\"?"},
        {"[mqtt]\nzzzzzzzzz = 1\n", "line 2: unknown key \"zzzzzzzzz\" in [mqtt]"},
        {"[mqqt]\n", "line 1: unknown section [mqqt]; did you mean [mqtt]?"},
        {"[database]\n", "line 1: unknown section [database]"},
        {"[mqtt]\nkeepalive = 1\nkeepalive = 1\n",
         "line 3: \"keepalive\" is given twice in [mqtt]"},
        {"[mqtt]\n[mqtt]\n", "line 2: [mqtt] is given twice"},
        {"[[mqtt]]\n", "line 1: mqtt is to be written [mqtt]"},
        {"[peer]\n", "line 1: peer is to be written [[peer]]"},
        {"[[peer]]\n[mqtt]\n", "line 2: [peer] ends without \"name\""},
        {"[[peer]]\nname=\"a\"\n[[peer]]\nname=\"a\"\n[[peer]]\n", "line 5: more than 2 [[peer]]"},
        {"[mqtt]\nkeepalive = 101\n", "line 2: keepalive accepts an integer, from -1 to 100"},
        {"[mqtt]\nkeepalive = -2\n", "line 2: keepalive accepts an integer, from -1 to 100"},
        {"[mqtt]\nkeepalive = \"1\"\n", "line 2: keepalive accepts an integer, from -1 to 100"},
        {"[mqtt]\nenabled = 1\n", "line 2: enabled accepts true or false"},
        {"[mqtt]\nmode = \"ajar\"\n", "line 2: mode accepts one of \"open\", \"closed\""},
        {"[mqtt]\nnames = [\"a\",\"a\",\"a\",\"a\"]\n",
         "line 2: names accepts a list such as [\"a\", \"b\"], from 0 to 3 items"},
        {"title = \"\"", "line 1: title accepts a \"string\", from 1 to 5 bytes long"},
        {"title = \"123456\"", "line 1: title accepts a \"string\", from 1 to 5 bytes long"},
    };
    MRL_SCOPED(mrl_arena) a = {0};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct config c;
        struct mrl_why why = {0};

        assert_int_equal(mrl_config_read(&schema, mrl_str(bad[i].text), &a, &c, &why),
                         MRL_ERR_INVALID);
        assert_string_equal(why.text, bad[i].why);
    }
}

static void ranges_of_durations_and_sizes_hold_exactly(void **state)
{
    static const char *const good[] = {"idle = \"60\"", "idle = \"60m\"", "packet = \"1\"",
                                       "packet = \"1024KiB\""};
    static const char *const bad[] = {
        "idle = \"59s\"",       "idle = \"3601\"",  "idle = 60",
        "idle = \"1y\"",        "packet = \"0\"",   "packet = 5",
        "packet = \"1048577\"", "packet = \"1KB\"", "packet = \"17179869184GiB\"",
        "packet = \"KiB\""};
    MRL_SCOPED(mrl_arena) a = {0};
    struct config c;
    char text[64];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(good); i++) {
        (void)snprintf(text, sizeof(text), "[mqtt]\n%s", good[i]);
        assert_ok(mrl_config_read(&schema, mrl_str(text), &a, &c, NULL));
    }
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        (void)snprintf(text, sizeof(text), "[mqtt]\n%s", bad[i]);
        assert_int_equal(mrl_config_read(&schema, mrl_str(text), &a, &c, NULL), MRL_ERR_INVALID);
    }
}

static void malformed_files_are_refused_and_change_nothing(void **state)
{
    static const char *const bad[] = {"title",
                                      "title =",
                                      "= 1",
                                      "title = \"a",
                                      "title = 'a'",
                                      "title = \"\\x\"",
                                      "title = \"\\u0000\"",
                                      "title = \"\\ud800\"",
                                      "title = \"\\u12\"",
                                      "title = \"\\U00110000\"",
                                      "title = \"a\" b",
                                      "title = \"a\" title = \"b\"",
                                      "[mqtt",
                                      "[[peer]",
                                      "[]",
                                      "[mqtt] x",
                                      "[mqtt]\nkeepalive = 01",
                                      "[mqtt]\nkeepalive = +1",
                                      "[mqtt]\nkeepalive = 9223372036854775808",
                                      "[mqtt]\nnames = [1]",
                                      "[mqtt]\nnames = [\"a\" \"b\"]",
                                      "[mqtt]\nnames = [\"a\"",
                                      "[mqtt]\nnames = [,]",
                                      "\x01",
                                      "# \x01",
                                      "title = \"\xff\"",
                                      "\xef\xbb\xbftitle = \"a\"",
                                      "title = \"a\rb\""};
    MRL_SCOPED(mrl_arena) a = {0};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct config c = {.peer_count = 77};
        struct mrl_why why = {0};

        if (mrl_config_read(&schema, mrl_str(bad[i]), &a, &c, &why) != MRL_ERR_MALFORMED)
            fail_msg("%s: %s", bad[i], why.text);
        assert_true(strncmp(why.text, "line ", 5) == 0);
        assert_int_equal(c.peer_count, 77);
    }
}

static void file_size_limit_holds_exactly(void **state)
{
    MRL_SCOPED(mrl_arena) a = {0};
    struct config c;
    char *text = malloc(MRL_CONFIG_FILE_MAX + 1);

    (void)state;
    assert_non_null(text);
    memset(text, '\n', MRL_CONFIG_FILE_MAX + 1);
    assert_ok(mrl_config_read(&schema, mrl_bytes_of(text, MRL_CONFIG_FILE_MAX), &a, &c, NULL));
    assert_int_equal(
        mrl_config_read(&schema, mrl_bytes_of(text, MRL_CONFIG_FILE_MAX + 1), &a, &c, NULL),
        MRL_ERR_LIMIT);
    free(text);
}

static void the_example_reads_as_the_defaults(void **state)
{
    MRL_SCOPED(mrl_arena) a = {0};
    MRL_SCOPED(mrl_buf) text = {0};
    struct config c;

    (void)state;
    assert_ok(mrl_config_example(&schema, &text));
    assert_ok(mrl_config_read(&schema, mrl_buf_bytes(&text), &a, &c, NULL));
    assert_int_equal(c.mqtt.keepalive, 60);
    assert_ok(mrl_buf_append(&text, MRL_LIT("\0")));
    assert_non_null(strstr((char *)text.data,
                           "\n# Seconds.\n# Accepts an integer, from -1 to 100.\n"
                           "#keepalive = 60\n"));
    assert_non_null(strstr((char *)text.data, "Required.\n#name =\n"));
}

static void a_file_is_loaded_and_named_in_errors(void **state)
{
    MRL_SCOPED(mrl_arena) a = {0};
    char path[] = "/tmp/merlon-config-XXXXXX";
    int fd = mkstemp(path);
    struct config c;
    struct mrl_why why = {0};

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "titel = \"a\"\n", 12), 12);
    assert_int_equal(mrl_config_load(&schema, path, &a, &c, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, path));
    assert_non_null(strstr(why.text, "did you mean \"title\"?"));
    assert_int_equal(pwrite(fd, "title = \"a\"\n", 12, 0), 12);
    assert_ok(mrl_config_load(&schema, path, &a, &c, &why));
    assert_bytes_equal(c.title, MRL_LIT("a"));
    (void)close(fd);
    (void)unlink(path);
    assert_int_equal(mrl_config_load(&schema, path, &a, &c, &why), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_config_load(&schema, "/dev/null", &a, &c, &why), MRL_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_apply_to_an_empty_file),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(ranges_of_durations_and_sizes_hold_exactly),
        cmocka_unit_test(malformed_files_are_refused_and_change_nothing),
        cmocka_unit_test(file_size_limit_holds_exactly),
        cmocka_unit_test(the_example_reads_as_the_defaults),
        cmocka_unit_test(a_file_is_loaded_and_named_in_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
