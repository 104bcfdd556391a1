/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation/files.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/store/fixture.h"
#include "tests/unit/unit.h"

static struct place place;
static char folder[sizeof(place.path) + 8];

static int start(void **state)
{
    (void)state;
    place_make(&place);
    (void)snprintf(folder, sizeof(folder), "%s.crl", place.path);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    (void)rmdir(folder);
    place_remove(&place);
    return 0;
}

static void remove_file(const char *name)
{
    char path[sizeof(folder) + 32];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void a_file_is_replaced_and_read(void **state)
{
    MRL_SCOPED(mrl_buf) content = {0};
    struct stat st;

    (void)state;
    assert_ok(mrl_files_folder(folder, NULL));
    assert_ok(mrl_files_folder(folder, NULL)); /* it may be there */
    assert_int_equal(mrl_files_read(folder, "a.crl", &content), MRL_ERR_NOT_FOUND);
    assert_ok(mrl_files_replace(folder, "a.crl", MRL_LIT("the first one, which is longer"), NULL));
    assert_ok(mrl_files_replace(folder, "a.crl", MRL_LIT("the second"), NULL));
    assert_ok(mrl_files_read(folder, "a.crl", &content));
    assert_bytes_equal(mrl_buf_bytes(&content), MRL_LIT("the second"));
    remove_file("a.crl");
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing else was left in it */
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    struct mrl_why why = {""};

    (void)state;
    assert_int_equal(mrl_files_replace("/nowhere", "a.crl", MRL_LIT("x"), &why), MRL_ERR_IO);
    assert_string_equal(why.text, "cannot write /nowhere/a.crl.new");
    assert_int_equal(mrl_files_folder("/nowhere/crl", &why), MRL_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_replaced_and_read),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
