/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keystore.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/keystore_files.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

static const char *const sealed_files[] = {MRL_KEYSTORE_MANIFEST, MRL_KEYSTORE_ROOT,
                                           MRL_KEYSTORE_ISSUING, MRL_KEYSTORE_AUDIT,
                                           MRL_KEYSTORE_SEALING};
static const char *const parts[] = MRL_KEYSTORE_PARTS;

static mrl_err try_open(const char *folder, struct mrl_why *why)
{
    MRL_SCOPED(mrl_keystore) k = {0};

    return fixture_open(folder, &k, why);
}

static void assert_names(const struct mrl_why *why, const char *text)
{
    if (strstr(why->text, text) == NULL)
        fail_msg("'%s' does not name '%s'", why->text, text);
}

static void what_was_made_opens_and_fits_together(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    MRL_SCOPED(mrl_keystore) k = {0};
    const struct mrl_cert_facts *root, *issuing;

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    assert_ok(fixture_open(folder, &k, NULL));
    assert_string_equal(k.tenant, "acme");
    assert_false(k.root_exported);
    root = mrl_cert_facts(k.cas.at[0].cert);
    issuing = mrl_cert_facts(k.cas.at[1].cert);
    assert_true(root->is_ca && issuing->is_ca);
    assert_bytes_equal(issuing->issuer, root->subject);
    assert_true(issuing->not_after <= root->not_after);
    assert_int_equal(mrl_key_type(k.cas.at[0].key), MRL_KEY_P256);
    assert_int_equal(mrl_key_type(k.audit), MRL_KEY_ED25519);
    assert_int_equal(access(fixture_path(folder, MRL_KEYSTORE_UNFINISHED), F_OK), -1);
    fixture_remove(folder);
}

static void every_changed_byte_of_every_file_is_noticed_and_the_file_named(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    uint8_t original[8192], changed[8192];

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    for (size_t f = 0; f < MRL_COUNT(sealed_files); f++) {
        mrl_bytes content = fixture_read(folder, sealed_files[f], original, sizeof(original));

        for (size_t i = 0; i < content.len; i++) {
            struct mrl_why why = {0};
            mrl_err err;

            memcpy(changed, original, content.len);
            changed[i] ^= 1;
            fixture_write(folder, sealed_files[f], mrl_bytes_of(changed, content.len));
            err = try_open(folder, &why);
            assert_true(err == MRL_ERR_CORRUPT || err == MRL_ERR_CRYPTO);
            assert_names(&why, sealed_files[f]);
        }
        fixture_write(folder, sealed_files[f], content);
    }
    assert_ok(try_open(folder, NULL));
    fixture_remove(folder);
}

static void every_cut_of_a_file_is_noticed(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    uint8_t memory[8192];

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    for (size_t f = 0; f < MRL_COUNT(sealed_files); f++) {
        mrl_bytes content = fixture_read(folder, sealed_files[f], memory, sizeof(memory));

        for (size_t len = 0; len < content.len; len += 7) {
            struct mrl_why why = {0};
            mrl_err err;

            fixture_write(folder, sealed_files[f], mrl_bytes_sub(content, 0, len));
            err = try_open(folder, &why);
            assert_true(err == MRL_ERR_CORRUPT || err == MRL_ERR_CRYPTO);
            assert_names(&why, sealed_files[f]);
        }
        fixture_write(folder, sealed_files[f], content);
    }
    fixture_remove(folder);
}

static void a_file_of_another_keystore_is_refused(void **state)
{
    char ours[FIXTURE_PATH_MAX], theirs[FIXTURE_PATH_MAX];
    uint8_t memory[8192];

    (void)state;
    fixture_folder(ours);
    fixture_folder(theirs);
    fixture_keystore(ours);
    fixture_keystore(theirs);
    for (size_t f = 1; f < MRL_COUNT(sealed_files); f++) {
        struct mrl_why why = {0};
        mrl_bytes content = fixture_read(ours, sealed_files[f], memory, sizeof(memory));

        fixture_copy(theirs, ours, sealed_files[f]);
        assert_int_equal(try_open(ours, &why), MRL_ERR_CORRUPT);
        assert_names(&why, "another keystore");
        fixture_write(ours, sealed_files[f], content);
    }
    assert_ok(try_open(ours, NULL));
    fixture_remove(ours);
    fixture_remove(theirs);
}

static void one_key_cannot_take_the_place_of_another(void **state)
{
    char folder[FIXTURE_PATH_MAX];

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    fixture_copy(folder, folder, MRL_KEYSTORE_ROOT); /* the helper itself changes nothing */
    assert_ok(try_open(folder, NULL));
    assert_int_equal(unlink(fixture_path(folder, MRL_KEYSTORE_ISSUING)), 0);
    {
        uint8_t memory[8192];

        fixture_write(folder, MRL_KEYSTORE_ISSUING,
                      fixture_read(folder, MRL_KEYSTORE_ROOT, memory, sizeof(memory)));
    }
    assert_int_equal(try_open(folder, NULL), MRL_ERR_CORRUPT);
    fixture_remove(folder);
}

static void a_file_open_to_others_is_refused_with_the_remedy(void **state)
{
    static const mode_t open_modes[] = {0640, 0604, 0620, 0601};
    char folder[FIXTURE_PATH_MAX];

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    for (size_t f = 0; f < MRL_COUNT(parts); f++) {
        for (size_t m = 0; m < MRL_COUNT(open_modes); m++) {
            struct mrl_why why = {0};

            assert_int_equal(chmod(fixture_path(folder, parts[f]), open_modes[m]), 0);
            assert_int_equal(try_open(folder, &why), MRL_ERR_DENIED);
            assert_names(&why, parts[f]);
            assert_names(&why, "chmod 600");
        }
        assert_int_equal(chmod(fixture_path(folder, parts[f]), 0600), 0);
    }
    assert_int_equal(chmod(folder, 0750), 0);
    assert_int_equal(try_open(folder, NULL), MRL_ERR_DENIED);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_ok(try_open(folder, NULL));
    fixture_remove(folder);
}

static void a_file_of_somebody_else_or_a_link_is_refused(void **state)
{
    char folder[FIXTURE_PATH_MAX], target[FIXTURE_PATH_MAX + 64];
    struct mrl_why why = {0};

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    (void)snprintf(target, sizeof(target), "%s/moved.key", folder);
    assert_int_equal(rename(fixture_path(folder, MRL_KEYSTORE_ROOT), target), 0);
    assert_int_equal(symlink(target, fixture_path(folder, MRL_KEYSTORE_ROOT)), 0);
    assert_int_equal(try_open(folder, &why), MRL_ERR_IO); /* ELOOP */
    assert_names(&why, MRL_KEYSTORE_ROOT);
    assert_int_equal(rename(target, fixture_path(folder, MRL_KEYSTORE_ROOT)), 0);
    assert_ok(try_open(folder, NULL));
    if (geteuid() == 0) { /* only root can give a file away */
        assert_int_equal(chown(fixture_path(folder, MRL_KEYSTORE_ROOT), 65534, 65534), 0);
        assert_int_equal(try_open(folder, &why), MRL_ERR_DENIED);
        assert_names(&why, "belongs to user 65534");
    }
    fixture_remove(folder);
}

static void a_second_init_changes_nothing(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    uint8_t before[8192], after[8192];
    mrl_bytes content;

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    content = fixture_read(folder, MRL_KEYSTORE_ROOT, before, sizeof(before));
    assert_int_equal(fixture_create(folder, NULL), MRL_ERR_EXISTS);
    assert_bytes_equal(fixture_read(folder, MRL_KEYSTORE_ROOT, after, sizeof(after)), content);
    assert_ok(try_open(folder, NULL));
    fixture_remove(folder);
}

/* init writes its mark, the parts in their order, the manifest, and removes the mark: a crash can
 * leave any beginning of that. */
static void init_interrupted_at_any_file_is_refused_and_then_repaired(void **state)
{
    char whole[FIXTURE_PATH_MAX];

    (void)state;
    fixture_folder(whole);
    fixture_keystore(whole);
    for (size_t done = 0; done <= MRL_COUNT(parts); done++) {
        char folder[FIXTURE_PATH_MAX];
        struct mrl_why why = {0};
        uint8_t old[8192], new[8192];
        mrl_bytes old_root;

        fixture_folder(folder);
        fixture_write(folder, MRL_KEYSTORE_UNFINISHED, MRL_BYTES_NONE);
        for (size_t i = 0; i < done; i++)
            fixture_copy(whole, folder, parts[i]);
        assert_int_equal(try_open(folder, &why), MRL_ERR_STATE);
        assert_names(&why, "run merlon-keys init again");
        assert_ok(fixture_create(folder, NULL));
        assert_ok(try_open(folder, NULL));
        old_root = fixture_read(whole, MRL_KEYSTORE_ROOT, old, sizeof(old));
        assert_false(
            mrl_bytes_eq(fixture_read(folder, MRL_KEYSTORE_ROOT, new, sizeof(new)), old_root));
        fixture_remove(folder);
    }
    fixture_remove(whole);
}

static void init_interrupted_after_the_manifest_keeps_its_keys(void **state)
{
    char folder[FIXTURE_PATH_MAX];

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    fixture_write(folder, MRL_KEYSTORE_UNFINISHED, MRL_BYTES_NONE);
    assert_ok(try_open(folder, NULL));
    assert_int_equal(fixture_create(folder, NULL), MRL_ERR_EXISTS);
    assert_int_equal(access(fixture_path(folder, MRL_KEYSTORE_UNFINISHED), F_OK), -1);
    assert_ok(try_open(folder, NULL));
    fixture_remove(folder);
}

static void keys_without_a_manifest_are_never_overwritten(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(parts); i++) {
        char folder[FIXTURE_PATH_MAX];
        struct mrl_why why = {0};

        fixture_folder(folder);
        fixture_write(folder, parts[i], MRL_LIT("precious"));
        assert_int_equal(fixture_create(folder, &why), MRL_ERR_STATE);
        assert_names(&why, parts[i]);
        assert_names(&why, "restore");
        fixture_remove(folder);
    }
}

static void an_empty_folder_says_how_to_begin(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    struct mrl_why why = {0};

    (void)state;
    fixture_folder(folder);
    assert_int_equal(try_open(folder, &why), MRL_ERR_NOT_FOUND);
    assert_names(&why, "merlon-keys init");
    fixture_remove(folder);
    assert_int_equal(try_open(folder, &why), MRL_ERR_NOT_FOUND);
}

static void a_missing_export_record_is_not_made_anew(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    struct mrl_why why = {0};

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    assert_int_equal(unlink(fixture_path(folder, MRL_KEYSTORE_EXPORT)), 0);
    assert_int_equal(try_open(folder, &why), MRL_ERR_NOT_FOUND);
    assert_names(&why, MRL_KEYSTORE_EXPORT);
    fixture_remove(folder);
}

static void an_export_is_remembered_also_when_its_record_is_torn(void **state)
{
    char folder[FIXTURE_PATH_MAX];

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    {
        MRL_SCOPED(mrl_keystore) k = {0};
        MRL_SCOPED(mrl_folder) f = {.fd = -1};

        assert_ok(fixture_open(folder, &k, NULL));
        assert_ok(mrl_folder_open(folder, &f, NULL));
        assert_ok(mrl_keystore_mark_exported(&f, &k, 1800000000, NULL));
        assert_int_equal(mrl_keystore_mark_exported(&f, &k, 1800000000, NULL), MRL_ERR_STATE);
    }
    assert_int_equal(truncate(fixture_path(folder, MRL_KEYSTORE_EXPORT), 1), 0);
    {
        MRL_SCOPED(mrl_keystore) k = {0};

        assert_ok(fixture_open(folder, &k, NULL));
        assert_true(k.root_exported);
    }
    fixture_remove(folder);
}

static void a_keystore_serves_one_process_at_a_time(void **state)
{
    char folder[FIXTURE_PATH_MAX];
    MRL_SCOPED(mrl_folder) first = {.fd = -1};
    MRL_SCOPED(mrl_folder) second = {.fd = -1};

    (void)state;
    fixture_folder(folder);
    assert_ok(mrl_folder_open(folder, &first, NULL));
    assert_int_equal(mrl_folder_open(folder, &second, NULL), MRL_ERR_BUSY);
    mrl_folder_done(&first);
    assert_ok(mrl_folder_open(folder, &second, NULL));
    fixture_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_made_opens_and_fits_together),
        cmocka_unit_test(every_changed_byte_of_every_file_is_noticed_and_the_file_named),
        cmocka_unit_test(every_cut_of_a_file_is_noticed),
        cmocka_unit_test(a_file_of_another_keystore_is_refused),
        cmocka_unit_test(one_key_cannot_take_the_place_of_another),
        cmocka_unit_test(a_file_open_to_others_is_refused_with_the_remedy),
        cmocka_unit_test(a_file_of_somebody_else_or_a_link_is_refused),
        cmocka_unit_test(a_second_init_changes_nothing),
        cmocka_unit_test(init_interrupted_at_any_file_is_refused_and_then_repaired),
        cmocka_unit_test(init_interrupted_after_the_manifest_keeps_its_keys),
        cmocka_unit_test(keys_without_a_manifest_are_never_overwritten),
        cmocka_unit_test(an_empty_folder_says_how_to_begin),
        cmocka_unit_test(a_missing_export_record_is_not_made_anew),
        cmocka_unit_test(an_export_is_remembered_also_when_its_record_is_torn),
        cmocka_unit_test(a_keystore_serves_one_process_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
