/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

static void a_line_is_drawn_and_taken_away(void **state)
{
    struct mrl_cli cli = {0};
    struct mrl_cli_progress p = {&cli, "entries verified", 300, 0};
    char *text = NULL;
    size_t len;

    (void)state;
    cli.progress = open_memstream(&text, &len);
    assert_non_null(cli.progress);
    mrl_cli_progress(&p, 256);
    mrl_cli_progress_end(&p);
    mrl_cli_progress_end(&p); /* once is enough */
    assert_int_equal(fclose(cli.progress), 0);
    assert_string_equal(text, "\r256 of 300 entries verified\x1b[K\r\x1b[K");
    free(text);
}

static void without_a_terminal_nothing_is_drawn(void **state)
{
    struct mrl_cli cli = {0};
    struct mrl_cli_progress p = {&cli, "entries verified", 300, 0};

    (void)state;
    mrl_cli_progress(&p, 256);
    mrl_cli_progress_end(&p);
    assert_int_equal(p.drawn_ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_drawn_and_taken_away),
        cmocka_unit_test(without_a_terminal_nothing_is_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
