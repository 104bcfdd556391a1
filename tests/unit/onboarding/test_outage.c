/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/outage.h"

#include <string.h>

#include "tests/unit/devices/fixture.h"

static void assert_told(mrl_err err, const char *sentence)
{
    struct mrl_why why = {"/var/lib/merlon/store/merlon.db: as SQLite says it"};

    mrl_outage_tell(err, &why);
    assert_string_equal(why.text, sentence);
}

static void a_device_learns_no_names_of_our_files(void **state)
{
    (void)state;
    assert_told(MRL_ERR_NO_SPACE, "the storage of the server is full, try again later");
    assert_told(MRL_ERR_IO, "the storage of the server fails, try again later");
    assert_told(MRL_ERR_CORRUPT, "the storage of the server fails, try again later");
}

static void every_other_error_keeps_its_sentence(void **state)
{
    (void)state;
    for (int err = 0; err < MRL_ERR_COUNT_; err++)
        if (err != MRL_ERR_NO_SPACE && err != MRL_ERR_IO && err != MRL_ERR_CORRUPT)
            assert_told((mrl_err)err, "/var/lib/merlon/store/merlon.db: as SQLite says it");
    mrl_outage_tell(MRL_ERR_NO_SPACE, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_learns_no_names_of_our_files),
        cmocka_unit_test(every_other_error_keeps_its_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
