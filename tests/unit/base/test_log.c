/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "tests/unit/unit.h"

/* Runs one log call with stderr in a pipe and returns what came out. */
static size_t captured(mrl_bytes value, char *to, size_t cap)
{
    int ends[2], saved = dup(STDERR_FILENO);
    ssize_t got;

    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    mrl_log_warn("door.refused", MRL_FIELD("why", value), MRL_FIELD_INT("port", 8883));
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(ends[1]);
    close(saved);
    got = read(ends[0], to, cap - 1);
    close(ends[0]);
    assert_true(got > 0);
    to[got] = '\0';
    return (size_t)got;
}

static void a_peer_cannot_forge_a_line(void **state)
{
    char line[8192];

    (void)state;
    (void)captured(MRL_LIT("x\"}\n{\"event\":\"fake\xff"), line, sizeof(line));
    assert_non_null(strstr(line, "\"event\":\"door.refused\""));
    assert_non_null(strstr(line, "x\\\"}\\u000a{\\\"event\\\":\\\"fake\\u00ff"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void a_long_value_is_left_out_and_the_line_stays_whole(void **state)
{
    static uint8_t large[5000];
    char line[8192];
    size_t len;

    (void)state;
    memset(large, 'a', sizeof(large));
    len = captured(mrl_bytes_of(large, sizeof(large)), line, sizeof(line));
    assert_true(len <= 4096);
    assert_string_equal(line + len - 14, ",\"port\":8883}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_cannot_forge_a_line),
        cmocka_unit_test(a_long_value_is_left_out_and_the_line_stays_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
