/* SPDX-License-Identifier: Apache-2.0 */
/* Stands in for a key process that hangs at start: reads nothing, ends with its socket. */
#include <poll.h>

int main(void)
{
    struct pollfd p = {.fd = 3, .events = POLLRDHUP};

    return poll(&p, 1, 20000) < 0;
}
