/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/internal.h"
#include "devices/note.h"

#include <string.h>

#include "tests/unit/devices/fixture.h"

static const struct mrl_note_of pump = {MRL_PRINCIPAL_DEVICE, MRL_LIT_INIT("pump")};

static void a_note_opens_for_its_principal_only(void **state)
{
    static const struct mrl_note_of others[] = {
        {MRL_PRINCIPAL_DEVICE, MRL_LIT_INIT("pumq")},
        {MRL_PRINCIPAL_APPLICATION, MRL_LIT_INIT("pump")},
        {MRL_PRINCIPAL_OPERATOR, MRL_LIT_INIT("pump")},
    };
    MRL_AUTO(mrl_sealer) s = test_sealer();
    MRL_SCOPED(mrl_buf) memory = {0};
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_value stored;
    struct mrl_why why = {{0}};

    (void)state;
    assert_ok(mrl_note_seal(s, &pump, MRL_LIT("cellar"), &memory, &stored));
    assert_int_equal(stored.type, MRL_VALUE_BLOB);
    assert_ok(mrl_note_open(s, &pump, stored.bytes, &text, &why));
    assert_bytes_equal(mrl_buf_bytes(&text), MRL_LIT("cellar"));
    for (size_t i = 0; i < MRL_COUNT(others); i++) {
        assert_int_equal(mrl_note_open(s, &others[i], stored.bytes, &text, &why), MRL_ERR_CORRUPT);
        assert_int_equal(text.len, 0);
        assert_non_null(strstr(why.text, i == 0 ? "row pumq" : "table accounts"));
    }
}

static void no_note_is_null(void **state)
{
    MRL_SCOPED(mrl_buf) memory = {0};
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_value stored;

    (void)state;
    assert_ok(mrl_note_seal(NULL, &pump, MRL_BYTES_NONE, &memory, &stored));
    assert_int_equal(stored.type, MRL_VALUE_NULL);
    assert_ok(mrl_note_open(NULL, &pump, MRL_BYTES_NONE, &text, NULL));
    assert_int_equal(text.len, 0);
}

static void visit(void *context, const struct mrl_device_info *d)
{
    assert_bytes_equal(d->note, MRL_LIT("a note"));
    (*(unsigned *)context)++;
}

static void the_store_has_no_note_in_the_clear(void **state)
{
    struct fixture *f = *state;
    const struct mrl_device_query all = {.limit = 10};
    unsigned seen = 0;

    add(f, "one", "");
    add(f, "two", "");
    assert_int_equal(
        store_number(f->store, "SELECT COUNT(*) FROM devices WHERE length(note) = 6 + 45"), 2);
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM devices WHERE"
                                            " instr(note, CAST('a note' AS BLOB)) > 0"),
                     0);
    assert_ok(mrl_device_list(f->registry, &all, visit, &seen, NULL));
    assert_ok(mrl_device_show(f->registry, MRL_LIT("one"), visit, &seen, NULL));
    assert_int_equal(seen, 3);
}

static mrl_err read_digest(struct mrl_tx *tx, void *context)
{
    return mrl_registry_digest(tx, MRL_PRINCIPAL_DEVICE, MRL_LIT("one"), context);
}

/* A rotation of keys makes another envelope of the same note. */
static void the_digest_of_a_record_is_not_that_of_an_envelope(void **state)
{
    struct fixture *f = *state;
    struct mrl_audit_digest before, after;

    add(f, "one", "");
    assert_ok(mrl_store_read(f->store, read_digest, &before));
    assert_ok(store_exec(f->store, "UPDATE devices SET note = randomblob(51)", MRL_NO_ARGS));
    assert_ok(mrl_store_read(f->store, read_digest, &after));
    assert_true(before.known && after.known);
    assert_memory_equal(before.bytes, after.bytes, sizeof(before.bytes));
    assert_ok(store_exec(f->store, "UPDATE devices SET grp = 'pumps'", MRL_NO_ARGS));
    assert_ok(mrl_store_read(f->store, read_digest, &after));
    assert_memory_not_equal(before.bytes, after.bytes, sizeof(before.bytes));
}

static void a_note_moved_to_another_device_is_told(void **state)
{
    struct fixture *f = *state;
    const struct mrl_device_query all = {.limit = 10};
    struct mrl_why why = {{0}};
    unsigned seen = 0;

    add(f, "one", "");
    add(f, "two", "");
    assert_ok(store_exec(f->store,
                         "UPDATE devices SET note = (SELECT note FROM devices WHERE id = 'one')"
                         " WHERE id = 'two'",
                         MRL_NO_ARGS));
    assert_ok(mrl_device_show(f->registry, MRL_LIT("one"), visit, &seen, &why));
    assert_int_equal(mrl_device_show(f->registry, MRL_LIT("two"), visit, &seen, &why),
                     MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, "table devices, column note, row two"));
    assert_int_equal(mrl_device_list(f->registry, &all, visit, &seen, &why), MRL_ERR_CORRUPT);
    assert_non_null(strstr(why.text, "row two"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_opens_for_its_principal_only),
        cmocka_unit_test(no_note_is_null),
        cmocka_unit_test_setup_teardown(the_store_has_no_note_in_the_clear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_digest_of_a_record_is_not_that_of_an_envelope, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_note_moved_to_another_device_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
