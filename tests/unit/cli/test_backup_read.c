/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/backup_read.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hex.h"
#include "crypto/age.h"
#include "tests/unit/unit.h"
#include "wire/ustar.h"

#define ZERO_DIGEST "0000000000000000000000000000000000000000000000000000000000000000"
#define VERSION_63 "123456789012345678901234567890123456789012345678901234567890123"

static void a_manifest_is_read(void **state)
{
    struct mrl_cli_manifest m;

    (void)state;
    assert_ok(mrl_cli_manifest_read(
        MRL_LIT("{\"format\":1,\"version\":\"" VERSION_63 "\",\"created\":5,\"audit_size\":7,"
                "\"database\":{\"size\":9,\"sha256\":\"" ZERO_DIGEST "\"},\"later\":true}"),
        &m, NULL));
    assert_int_equal(m.created_ms, 5);
    assert_int_equal(m.audit_size, 7);
    assert_int_equal(m.database_size, 9);
    assert_string_equal(m.version, VERSION_63);
}

static void a_manifest_that_is_wrong_is_refused(void **state)
{
    static const char *const wrong[] = {
        "",
        "[]",
        "{\"format\":0}",
        "{\"format\":1,\"version\":\"" VERSION_63 "4\",\"created\":5,\"audit_size\":7,"
        "\"database\":{\"size\":9,\"sha256\":\"" ZERO_DIGEST "\"}}",
        "{\"format\":1,\"version\":\"1\",\"created\":-1,\"audit_size\":7,"
        "\"database\":{\"size\":9,\"sha256\":\"" ZERO_DIGEST "\"}}",
        ("{\"format\":1,\"version\":\"1\",\"created\":5,\"audit_size\":7,"
         "\"database\":{\"size\":9,\"sha256\":\"00\"}}"),
        "{\"format\":1,\"version\":\"1\",\"created\":5,\"audit_size\":7}",
    };
    struct mrl_cli_manifest m = {.created_ms = -7};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_not_equal(mrl_cli_manifest_read(mrl_str(wrong[i]), &m, NULL), MRL_OK);
    assert_int_equal(mrl_cli_manifest_read(MRL_LIT("{\"format\":2}"), &m, NULL),
                     MRL_ERR_UNSUPPORTED);
    assert_int_equal(m.created_ms, -7);
}

/* --- whole backups --- */

struct file {
    int fd;
    struct mrl_secret *identity;
    struct mrl_age_writer *age;
};

static mrl_err put(void *context, mrl_bytes data)
{
    const struct file *f = context;

    return write(f->fd, data.data, data.len) == (ssize_t)data.len ? MRL_OK : MRL_ERR_IO;
}

static void file_begin(struct file *f)
{
    struct mrl_age_recipient r;

    f->fd = memfd_create("backup", MFD_CLOEXEC);
    assert_true(f->fd >= 0);
    assert_ok(mrl_age_identity_new(&f->identity));
    assert_ok(mrl_age_identity_recipient(f->identity, &r));
    assert_ok(mrl_age_writer_new(&r, 1, (struct mrl_age_sink){put, f}, &f->age));
}

static void file_entry(struct file *f, const char *name, mrl_bytes content)
{
    static const uint8_t zeros[MRL_USTAR_BLOCK];
    struct mrl_ustar_entry e = {.size = content.len};
    uint8_t header[MRL_USTAR_BLOCK];

    assert_true(mrl_bytes_to_cstr(mrl_str(name), e.name, sizeof(e.name)));
    assert_ok(mrl_ustar_write_header(&e, header));
    assert_ok(mrl_age_write(f->age, mrl_bytes_of(header, sizeof(header))));
    assert_ok(mrl_age_write(f->age, content));
    assert_ok(mrl_age_write(f->age, mrl_bytes_of(zeros, mrl_ustar_padding(content.len))));
}

static void file_manifest(struct file *f, mrl_bytes database, size_t size)
{
    MRL_SCOPED(mrl_buf) text = {0};
    uint8_t digest[MRL_SHA256_SIZE];
    char hex[2 * MRL_SHA256_SIZE + 1];

    assert_ok(mrl_sha256(database, digest));
    mrl_hex(mrl_bytes_of(digest, sizeof(digest)), hex);
    assert_ok(mrl_buf_printf(&text,
                             "{\"format\":1,\"version\":\"1\",\"created\":5,\"audit_size\":7,"
                             "\"database\":{\"size\":%zu,\"sha256\":\"%s\"}}",
                             size, hex));
    file_entry(f, "manifest.json", mrl_buf_bytes(&text));
}

/* Ends the file and reads it; ends the archive before, unless it is to be incomplete. */
static mrl_exit file_read(struct file *f, bool whole, struct mrl_cli *cli)
{
    static const uint8_t end[2 * MRL_USTAR_BLOCK];
    struct mrl_cli_manifest m;
    mrl_exit code;

    if (whole)
        assert_ok(mrl_age_write(f->age, mrl_bytes_of(end, sizeof(end))));
    assert_ok(mrl_age_writer_end(f->age));
    assert_int_equal(lseek(f->fd, 0, SEEK_SET), 0);
    code = mrl_cli_backup_read(cli, f->fd, "b.age", f->identity, /*database_fd=*/-1, &m);
    mrl_age_writer_free(f->age);
    mrl_secret_free(f->identity);
    assert_int_equal(close(f->fd), 0);
    return code;
}

static void a_whole_backup_is_good(void **state)
{
    mrl_bytes database = MRL_LIT("pages");
    struct mrl_cli cli = {.out = NULL};
    struct file f;

    (void)state;
    file_begin(&f);
    file_manifest(&f, database, database.len);
    file_entry(&f, "merlon.db", database);
    assert_int_equal(file_read(&f, /*whole=*/true, &cli), MRL_EXIT_OK);
}

static void refuses(struct file *f, bool whole, const char *sentence)
{
    struct mrl_cli cli = {.out = NULL};

    assert_int_equal(file_read(f, whole, &cli), MRL_EXIT_REFUSED);
    assert_non_null(strstr(cli.why.text, "b.age: "));
    if (strstr(cli.why.text, sentence) == NULL)
        fail_msg("%s", cli.why.text);
}

static void what_the_manifest_does_not_say_is_refused(void **state)
{
    mrl_bytes database = MRL_LIT("pages");
    struct file f;

    (void)state;
    file_begin(&f);
    file_manifest(&f, MRL_LIT("other"), database.len);
    file_entry(&f, "merlon.db", database);
    refuses(&f, /*whole=*/true, "not the one of the manifest");
    file_begin(&f);
    file_manifest(&f, database, database.len + 1);
    file_entry(&f, "merlon.db", database);
    refuses(&f, /*whole=*/true, "not the one of the manifest");
}

static void other_files_in_other_order_are_refused(void **state)
{
    struct file f;

    (void)state;
    file_begin(&f);
    file_entry(&f, "merlon.db", MRL_LIT("pages"));
    refuses(&f, /*whole=*/true, "does not belong");
    file_begin(&f);
    file_manifest(&f, MRL_LIT("pages"), 5);
    refuses(&f, /*whole=*/true, "incomplete");
    file_begin(&f);
    file_manifest(&f, MRL_LIT("pages"), 5);
    file_entry(&f, "merlon.db", MRL_LIT("pages"));
    refuses(&f, /*whole=*/false, "incomplete");
    file_begin(&f);
    file_manifest(&f, MRL_LIT("pages"), 5);
    file_entry(&f, "merlon.db", MRL_LIT("pages"));
    file_entry(&f, "merlon.db", MRL_LIT("pages"));
    refuses(&f, /*whole=*/true, "does not belong");
}

static void a_manifest_has_a_largest_size(void **state)
{
    static const uint8_t blanks[MRL_CLI_MANIFEST_MAX + 1];
    struct file f;

    (void)state;
    file_begin(&f);
    file_entry(&f, "manifest.json", mrl_bytes_of(blanks, MRL_CLI_MANIFEST_MAX));
    refuses(&f, /*whole=*/true, "incomplete");
    file_begin(&f);
    file_entry(&f, "manifest.json", mrl_bytes_of(blanks, sizeof(blanks)));
    refuses(&f, /*whole=*/true, "too large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_is_read),
        cmocka_unit_test(a_manifest_that_is_wrong_is_refused),
        cmocka_unit_test(a_whole_backup_is_good),
        cmocka_unit_test(what_the_manifest_does_not_say_is_refused),
        cmocka_unit_test(other_files_in_other_order_are_refused),
        cmocka_unit_test(a_manifest_has_a_largest_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
