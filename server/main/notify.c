/* SPDX-License-Identifier: Apache-2.0 */
#include "main/notify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"

void mrl_notify(const char *state)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    mrl_bytes path = mrl_str(getenv("NOTIFY_SOCKET"));
    int fd;

    if (path.len == 0 || path.len >= sizeof(to.sun_path) ||
        (path.data[0] != '/' && path.data[0] != '@'))
        return;
    memcpy(to.sun_path, path.data, path.len);
    if (path.data[0] == '@') /* abstract name */
        to.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len));
    (void)close(fd);
}
