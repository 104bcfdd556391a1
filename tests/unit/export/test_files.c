/* SPDX-License-Identifier: Apache-2.0 */
#include "export/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"
#include "tests/unit/unit.h"

static char path[64];
static mrl_bytes path_bytes;

static int make_file(void **state)
{
    int fd;

    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/merlon-files-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    path_bytes = mrl_str(path);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void fill(mrl_bytes data, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_TRUNC);

    assert_int_equal(write(fd, data.data, data.len), data.len);
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
}

static void a_key_others_may_read_is_refused(void **state)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(mrl_key) read = NULL;
    MRL_AUTO(mrl_secret) pem = NULL;
    struct mrl_why why = {""};

    (void)state;
    assert_ok(mrl_key_generate(MRL_KEY_P256, &key, NULL));
    assert_ok(mrl_key_to_pem(key, MRL_BYTES_NONE, &pem));
    fill(mrl_secret_bytes(pem), 0604);
    assert_int_equal(mrl_export_read_key(&path_bytes, &read, &why), MRL_ERR_DENIED);
    assert_non_null(strstr(why.text, path));
    fill(mrl_secret_bytes(pem), 0640);
    assert_ok(mrl_export_read_key(&path_bytes, &read, &why));
}

static void what_holds_nothing_usable_is_named(void **state)
{
    MRL_SCOPED(mrl_cert_list) list = {0};
    MRL_AUTO(mrl_key) key = NULL;
    struct mrl_why why = {""};

    (void)state;
    fill(MRL_LIT("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0600);
    assert_int_equal(mrl_export_read_certificates(&path_bytes, &list, &why), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, path));
    assert_int_equal(mrl_export_read_key(&path_bytes, &key, &why), MRL_ERR_INVALID);
}

static void a_folder_and_a_name_without_file_are_refused(void **state)
{
    const mrl_bytes folder = MRL_LIT("/tmp"), nothing = MRL_LIT("/nonexistent/ca.pem");
    MRL_SCOPED(mrl_cert_list) list = {0};

    (void)state;
    assert_int_equal(mrl_export_read_certificates(&folder, &list, NULL), MRL_ERR_INVALID);
    assert_int_equal(mrl_export_read_certificates(&nothing, &list, NULL), MRL_ERR_IO);
}

static void a_key_file_has_a_largest_size(void **state)
{
    enum { KEY_MAX = 16 << 10 };
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_AUTO(mrl_key) key = NULL;

    (void)state;
    while (text.len < KEY_MAX)
        assert_ok(mrl_buf_append(&text, MRL_LIT("x")));
    fill(mrl_buf_bytes(&text), 0600);
    assert_int_equal(mrl_export_read_key(&path_bytes, &key, NULL), MRL_ERR_INVALID);
    assert_ok(mrl_buf_append(&text, MRL_LIT("x")));
    fill(mrl_buf_bytes(&text), 0600);
    assert_int_equal(mrl_export_read_key(&path_bytes, &key, NULL), MRL_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_others_may_read_is_refused, make_file, remove_file),
        cmocka_unit_test_setup_teardown(what_holds_nothing_usable_is_named, make_file, remove_file),
        cmocka_unit_test(a_folder_and_a_name_without_file_are_refused),
        cmocka_unit_test_setup_teardown(a_key_file_has_a_largest_size, make_file, remove_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
