/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/template.h"

#include <string.h>

#include "tests/unit/unit.h"

#define SERIAL "\"parameters\":{\"Serial\":{\"pattern\":\"[A-Z0-9]*\"}}"

static mrl_err read(const char *body, struct mrl_template **out)
{
    struct mrl_why why = {""};
    mrl_err err = mrl_template_read(mrl_str(body), out, &why);

    assert_true(err == MRL_OK || why.text[0] != '\0'); /* every refusal has its sentence */
    return err;
}

static void what_is_no_template_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"device\":\"x\"}",
        "{" SERIAL "}",
        "{" SERIAL ",\"device\":7}",
        "{" SERIAL ",\"device\":\"${Other}\"}",
        "{" SERIAL ",\"device\":\"x\",\"group\":\"${}\"}",
        "{" SERIAL ",\"device\":\"x\",\"more\":1}",
        "{" SERIAL ",\"device\":\"x\",\"devices\":\"all\"}",
        "{" SERIAL ",\"device\":\"x\",\"attributes\":{\"a/b\":\"x\"}}",
        "{" SERIAL ",\"device\":\"x\",\"attributes\":{\"a\":1}}",
        "{" SERIAL ",\"device\":\"x\",\"attributes\":{\"a\":\"${Other}\"}}",
        "{" SERIAL ",\"device\":\"x\",\"configuration\":[]}",
        "{" SERIAL ",\"device\":\"x\",\"hook\":{}}",
        "{" SERIAL ",\"device\":\"x\",\"hook\":{\"url\":\"unix:/a\",\"timeout_s\":6}}",
        "{\"parameters\":{\"a b\":{\"pattern\":\"*\"}},\"device\":\"x\"}",
        "{\"parameters\":{\"a\":{}},\"device\":\"x\"}",
        "{\"parameters\":{\"a\":{\"pattern\":\"[\"}},\"device\":\"x\"}",
        "{\"parameters\":{\"a\":{\"pattern\":\"[0-9]\",\"default\":\"x\"}},\"device\":\"x\"}",
        "{\"parameters\":{\"a\":{\"pattern\":\"*\"},\"a\":{\"pattern\":\"*\"}},\"device\":\"x\"}",
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(wrong); i++) {
        MRL_AUTO(mrl_template) t = NULL;

        if (read(wrong[i], &t) == MRL_OK)
            fail_msg("taken: %s", wrong[i]);
        assert_null(t);
    }
}

/* A template with so many members of an object, each with this value. */
static struct mrl_template *with_many(const char *object, unsigned count, const char *value)
{
    MRL_SCOPED(mrl_buf) body = {0};
    struct mrl_template *t = NULL;
    bool parameters = strcmp(object, "parameters") == 0;

    assert_ok(mrl_buf_printf(&body, "{%s\"device\":\"x\",\"%s\":{",
                             parameters ? "" : "\"parameters\":{},", object));
    for (unsigned i = 0; i < count; i++)
        assert_ok(mrl_buf_printf(&body, "%s\"n%u\":%s", i > 0 ? "," : "", i, value));
    assert_ok(mrl_buf_printf(&body, "}}"));
    (void)mrl_template_read(mrl_buf_bytes(&body), &t, NULL); /* NULL tells */
    return t;
}

static void it_has_as_much_as_the_limits_allow_and_no_more(void **state)
{
    static const struct {
        const char *object, *value;
        unsigned most;
    } limits[] = {
        {"parameters", "{\"pattern\":\"*\"}", MRL_TEMPLATE_PARAMETERS_MAX},
        {"attributes", "\"x\"", MRL_ATTRIBUTES_MAX},
        {"configuration", "\"x\"", MRL_TEMPLATE_CONFIGURATION_MAX},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(limits); i++) {
        MRL_AUTO(mrl_template) fits = with_many(limits[i].object, limits[i].most, limits[i].value);
        MRL_AUTO(mrl_template)
        above = with_many(limits[i].object, limits[i].most + 1, limits[i].value);

        assert_non_null(fits);
        assert_null(above);
    }
}

static void a_body_is_as_long_as_the_limit_allows_and_no_longer(void **state)
{
    char body[MRL_TEMPLATE_BODY_MAX + 2];
    MRL_AUTO(mrl_template) t = NULL;
    MRL_AUTO(mrl_template) above = NULL;
    int len = snprintf(body, sizeof(body), "{" SERIAL ",\"device\":\"x\"}");

    (void)state;
    memset(&body[len], ' ', sizeof(body) - (size_t)len);
    assert_ok(mrl_template_read(mrl_bytes_of(body, MRL_TEMPLATE_BODY_MAX), &t, NULL));
    assert_int_equal(mrl_template_read(mrl_bytes_of(body, MRL_TEMPLATE_BODY_MAX + 1), &above, NULL),
                     MRL_ERR_LIMIT);
}

static const char meter[] =
    "{\"parameters\":{\"Serial\":{\"pattern\":\"[A-Z0-9]*\"},"
    "\"Site\":{\"pattern\":\"*\",\"default\":\"berlin\"}},"
    "\"device\":\"meter-${Serial}\",\"group\":\"at-${Site}\","
    "\"attributes\":{\"site\":\"${Site}\",\"kind\":\"me$ter\"},"
    "\"devices\":\"expected\",\"configuration\":{\"a\":\"${Serial}/${Site}$\"}}";

static void parameters_make_a_device(void **state)
{
    const struct mrl_parameter given[] = {{MRL_LIT("Serial"), MRL_LIT("A7")}};
    const struct mrl_parameter over[] = {{MRL_LIT("Site"), MRL_LIT("oslo")},
                                         {MRL_LIT("Serial"), MRL_LIT("B8")}};
    MRL_SCOPED(mrl_template_device) d = {0};
    MRL_SCOPED(mrl_template_device) other = {0};
    MRL_AUTO(mrl_template) t = NULL;

    (void)state;
    assert_ok(read(meter, &t));
    assert_true(mrl_template_expects(t));
    assert_int_equal(mrl_template_hook(t)->url.len, 0);
    assert_ok(mrl_template_fill(t, given, 1, NULL, 0, &d, NULL));
    assert_string_equal(d.id.text, "meter-A7");
    assert_string_equal(d.group.text, "at-berlin");
    assert_bytes_equal(mrl_buf_bytes(&d.attributes), MRL_LIT("kind=me$ter\nsite=berlin"));
    assert_string_equal(json_string_value(json_object_get(d.configuration, "a")), "A7/berlin$");
    assert_ok(mrl_template_fill(t, given, 1, over, 2, &other, NULL));
    assert_string_equal(other.id.text, "meter-B8");
    assert_string_equal(other.group.text, "at-oslo");
}

static mrl_err fill(const char *body, const struct mrl_parameter *given, size_t count)
{
    MRL_SCOPED(mrl_template_device) d = {0};
    MRL_AUTO(mrl_template) t = NULL;
    struct mrl_why why = {""};
    mrl_err err;

    assert_ok(read(body, &t));
    err = mrl_template_fill(t, given, count, NULL, 0, &d, &why);
    assert_true(err == MRL_OK || why.text[0] != '\0');
    assert_true(err == MRL_OK || d.configuration == NULL);
    return err;
}

static void what_breaks_the_template_makes_none(void **state)
{
    const struct mrl_parameter none = {MRL_LIT("Site"), MRL_LIT("x")};
    const struct mrl_parameter against = {MRL_LIT("Serial"), MRL_LIT("a7")};
    const struct mrl_parameter unknown = {MRL_LIT("Other"), MRL_LIT("A")};
    const struct mrl_parameter good = {MRL_LIT("Serial"), MRL_LIT("A7")};
    const struct mrl_parameter no_group = {MRL_LIT("Site"), MRL_LIT("a/b")};

    (void)state;
    assert_ok(fill(meter, &good, 1));
    assert_int_equal(fill(meter, NULL, 0), MRL_ERR_INVALID);
    assert_int_equal(fill(meter, &none, 1), MRL_ERR_INVALID);
    assert_int_equal(fill(meter, &against, 1), MRL_ERR_INVALID);
    assert_int_equal(fill(meter, (const struct mrl_parameter[]){good, unknown}, 2),
                     MRL_ERR_INVALID);
    assert_int_equal(fill(meter, (const struct mrl_parameter[]){good, good}, 2), MRL_ERR_INVALID);
    assert_int_equal(fill(meter, (const struct mrl_parameter[]){good, no_group}, 2),
                     MRL_ERR_INVALID);
}

/* The pattern lets everything through; the rules of names still hold. */
static void no_pattern_makes_an_id_that_is_none(void **state)
{
    static const char *const wrong[] = {"",   "a/b", "+",   "#",         "-x",
                                        ".x", "a b", "a\"", "${Serial}", "\xc3\xbc"};
    static const char open[] =
        "{\"parameters\":{\"Serial\":{\"pattern\":\"*\"}},\"device\":\"${Serial}\"}";
    char longest[MRL_NAME_MAX + 1];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(wrong); i++) {
        const struct mrl_parameter p = {MRL_LIT("Serial"), mrl_str(wrong[i])};

        assert_int_equal(fill(open, &p, 1), MRL_ERR_INVALID);
    }
    memset(longest, 'a', sizeof(longest));
    assert_ok(fill(
        open, &(const struct mrl_parameter){MRL_LIT("Serial"), mrl_bytes_of(longest, MRL_NAME_MAX)},
        1));
    assert_int_equal(fill(open,
                          &(const struct mrl_parameter){MRL_LIT("Serial"),
                                                        mrl_bytes_of(longest, MRL_NAME_MAX + 1)},
                          1),
                     MRL_ERR_INVALID);
}

static void a_value_is_as_long_as_the_limit_allows_and_no_longer(void **state)
{
    static const char body[] = "{\"parameters\":{\"a\":{\"pattern\":\"*\"}},\"device\":\"x\","
                               "\"configuration\":{\"c\":\"${a}${a}\"}}";
    char value[MRL_TEMPLATE_VALUE_MAX + 1];
    struct mrl_parameter p = {MRL_LIT("a"), {0}};

    (void)state;
    memset(value, 'v', sizeof(value));
    p.value = mrl_bytes_of(value, MRL_TEMPLATE_VALUE_MAX);
    assert_ok(fill(body, &p, 1)); /* and twice is MRL_TEMPLATE_TEXT_MAX */
    p.value = mrl_bytes_of(value, MRL_TEMPLATE_VALUE_MAX + 1);
    assert_int_equal(fill("{\"parameters\":{\"a\":{\"pattern\":\"*\"}},\"device\":\"x\"}", &p, 1),
                     MRL_ERR_INVALID);
    p.value = mrl_bytes_of(value, MRL_TEMPLATE_VALUE_MAX);
    assert_int_equal(fill("{\"parameters\":{\"a\":{\"pattern\":\"*\"}},\"device\":\"x\","
                          "\"configuration\":{\"c\":\"${a}${a}-\"}}",
                          &p, 1),
                     MRL_ERR_INVALID);
}

/* What stands in a template of its own, url of a hook or value of the configuration, so long. */
static mrl_err read_with(const char *begin, size_t len, const char *end)
{
    MRL_SCOPED(mrl_buf) body = {0};
    MRL_AUTO(mrl_template) t = NULL;

    assert_ok(mrl_buf_printf(&body, "{" SERIAL ",\"device\":\"x\",%s", begin));
    for (size_t i = 0; i < len; i++)
        assert_ok(mrl_buf_append(&body, MRL_LIT("a")));
    assert_ok(mrl_buf_printf(&body, "%s}", end));
    assert_ok(mrl_buf_append(&body, MRL_LIT("\0")));
    return read((const char *)body.data, &t);
}

static void texts_of_a_template_are_as_long_as_the_limits_allow_and_no_longer(void **state)
{
    static const char url[] = "\"hook\":{\"url\":\"unix:/", text[] = "\"configuration\":{\"c\":\"";
    const size_t most = 512 - strlen("unix:/");

    (void)state;
    assert_ok(read_with(url, most, "\",\"timeout_s\":5}"));
    assert_int_equal(read_with(url, most + 1, "\",\"timeout_s\":5}"), MRL_ERR_INVALID);
    assert_int_equal(read_with(url, most, "\",\"timeout_s\":6}"), MRL_ERR_INVALID);
    assert_ok(read_with(text, 256, "\"}"));
    assert_int_equal(read_with(text, 257, "\"}"), MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_template_is_refused),
        cmocka_unit_test(it_has_as_much_as_the_limits_allow_and_no_more),
        cmocka_unit_test(a_body_is_as_long_as_the_limit_allows_and_no_longer),
        cmocka_unit_test(parameters_make_a_device),
        cmocka_unit_test(what_breaks_the_template_makes_none),
        cmocka_unit_test(no_pattern_makes_an_id_that_is_none),
        cmocka_unit_test(a_value_is_as_long_as_the_limit_allows_and_no_longer),
        cmocka_unit_test(texts_of_a_template_are_as_long_as_the_limits_allow_and_no_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
