/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/http_script.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net/http_fixture.h"
#include "tests/unit/unit.h"

static void read_request(int fd)
{
    char got[4096];
    size_t len = 0;

    while (len < 4 || memcmp(&got[len - 4], "\r\n\r\n", 4) != 0) {
        ssize_t more = recv(fd, &got[len], sizeof(got) - len, 0);

        if (more <= 0)
            return;
        len += (size_t)more;
    }
}

static void wait_for_leaving(int fd)
{
    struct pollfd p = {fd, POLLRDHUP, 0};

    (void)poll(&p, 1, 10000); /* the test fails by itself when it takes longer */
}

static void *follow(void *context)
{
    struct script *s = context;

    for (size_t i = 0; i < s->count; i++) {
        int fd = accept(s->fd, NULL, NULL);
        bool more = true;

        for (size_t k = 0; k < SCRIPT_ANSWERS && more; k++) {
            const char *answer = s->connections[i][k];

            more = answer == NULL || answer[0] != 0;
            if (more && !s->forward)
                read_request(fd);
            more = more && answer != NULL;
            if (more)
                raw_send(fd, answer);
        }
        if (s->silent)
            wait_for_leaving(fd);
        (void)close(fd);
    }
    return NULL;
}

void script_start(struct script *s)
{
    char text[128];

    if (!s->tcp) {
        (void)snprintf(s->folder, sizeof(s->folder), "/tmp/http-test-XXXXXX");
        assert_non_null(mkdtemp(s->folder));
    }
    if (s->tcp)
        (void)snprintf(text, sizeof(text), "127.0.0.1:0");
    else
        (void)snprintf(text, sizeof(text), "unix:%s/s", s->folder);
    assert_ok(mrl_address_parse(mrl_str(text), &s->address, NULL));
    s->fd = socket(s->address.sa.any.sa_family, SOCK_STREAM, 0);
    assert_int_equal(bind(s->fd, &s->address.sa.any, s->address.len), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, &s->address.sa.any, &s->address.len), 0);
    mrl_address_format(&s->address, s->server);
    assert_int_equal(pthread_create(&s->thread, NULL, follow, s), 0);
}

void script_stop(struct script *s)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    (void)close(s->fd);
    if (s->tcp)
        return;
    assert_int_equal(unlink(s->address.sa.local.sun_path), 0);
    assert_int_equal(rmdir(s->folder), 0);
}
