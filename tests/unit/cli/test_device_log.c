/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device_log.h"

#include <string.h>

#include "base/hex.h"
#include "device/agent/eventlog_walk.h"
#include "tests/unit/unit.h"

enum { LINES = 5 };

/* Lines as the agent writes them, numbers from first on. */
struct log {
    struct mrl_buf text;
    uint8_t head[MRL_SHA256_SIZE];
    char hashes[LINES][2 * MRL_SHA256_SIZE + 1];
};

static void make_log(struct log *l, unsigned first)
{
    for (unsigned i = 0; i < LINES; i++) {
        MRL_SCOPED(mrl_buf) body = {0};
        char before[2 * MRL_SHA256_SIZE + 1];

        mrl_hex(mrl_bytes_of(l->head, sizeof(l->head)), before);
        assert_ok(mrl_buf_printf(&body, "{\"at\":\"x\",%s%s%s\"seq\":%u",
                                 i == 0 ? "\"before\":\"" : "", i == 0 ? before : "",
                                 i == 0 ? "\"," : "", first + i));
        assert_ok(mrl_sha256_parts(
            (const mrl_bytes[]){mrl_bytes_of(l->head, sizeof(l->head)), mrl_buf_bytes(&body)}, 2,
            l->head));
        mrl_hex(mrl_bytes_of(l->head, sizeof(l->head)), l->hashes[i]);
        assert_ok(mrl_buf_printf(&l->text, "%.*s,\"hash\":\"%s\"}\n", MRL_FMT(mrl_buf_bytes(&body)),
                                 l->hashes[i]));
    }
}

static void add_anchor(json_t *anchors, unsigned entry, unsigned seq, const char *hash)
{
    json_t *details = mrl_json_object(), *item = mrl_json_object();

    assert_ok(mrl_json_set_int(details, "device_seq", seq));
    assert_ok(mrl_json_set_str(details, "device_hash", mrl_str(hash)));
    assert_ok(mrl_json_set_int(item, "seq", entry));
    assert_ok(mrl_json_set(item, "details", details));
    assert_ok(mrl_json_append(anchors, item));
}

static void a_log_that_was_told_of_holds(void **state)
{
    MRL_AUTO(json_t) anchors = mrl_json_array();
    struct mrl_device_log_result r;
    struct log l = {0};

    (void)state;
    make_log(&l, 11);
    add_anchor(anchors, 100, 5, l.hashes[0]); /* of a line that is gone */
    add_anchor(anchors, 101, 12, l.hashes[1]);
    add_anchor(anchors, 102, 15, l.hashes[4]);
    assert_ok(mrl_device_log_compare(mrl_buf_bytes(&l.text), anchors, &r, NULL));
    assert_int_equal(r.first, 11);
    assert_int_equal(r.last, 15);
    assert_int_equal(r.anchors, 2);
    assert_int_equal(r.older, 1);
    mrl_buf_done(&l.text);
}

static void assert_differs(mrl_bytes text, const json_t *anchors, const char *what)
{
    struct mrl_device_log_result r;
    struct mrl_why why = {""};

    assert_int_equal(mrl_device_log_compare(text, anchors, &r, &why), MRL_ERR_CORRUPT);
    if (strstr(why.text, what) == NULL)
        fail_msg("%s is not in: %s", what, why.text);
}

static void what_differs_is_named(void **state)
{
    MRL_AUTO(json_t) anchors = mrl_json_array();
    struct log l = {0}, other = {.head = {1}};
    mrl_bytes text;

    (void)state;
    make_log(&l, 1);
    make_log(&other, 1); /* whole in itself, and not what was told */
    add_anchor(anchors, 101, 2, l.hashes[1]);
    add_anchor(anchors, 102, 5, l.hashes[4]);
    assert_differs(mrl_buf_bytes(&other.text), anchors, "line 2 (number 2)");
    text = mrl_buf_bytes(&l.text);
    assert_differs(mrl_bytes_sub(text, 0, mrl_bytes_find(text, '\n', 300) + 1), anchors,
                   "in entry 102 the device told of number 5");
    assert_differs(mrl_bytes_sub(text, 0, text.len - 1), anchors, "line 5 ");
    l.text.data[mrl_bytes_find(text, '\n', 0) + 3] ^= 1;
    assert_differs(text, anchors, "line 2 is not what follows number 1");
    mrl_buf_done(&l.text);
    mrl_buf_done(&other.text);
}

static void without_anchors_there_is_no_verdict(void **state)
{
    MRL_AUTO(json_t) anchors = mrl_json_array();
    struct mrl_device_log_result r;
    struct log l = {0};

    (void)state;
    make_log(&l, 1);
    assert_int_equal(mrl_device_log_compare(mrl_buf_bytes(&l.text), anchors, &r, NULL),
                     MRL_ERR_NOT_FOUND);
    mrl_buf_done(&l.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_that_was_told_of_holds),
        cmocka_unit_test(what_differs_is_named),
        cmocka_unit_test(without_anchors_there_is_no_verdict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
