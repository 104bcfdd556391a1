/* SPDX-License-Identifier: Apache-2.0 */
/* Enters the sandbox of the key process and then tries one thing that it must not be able to do.
 * usage: sandboxed ATTEMPT FOLDER (for the tests only). Exit 0: it could; killed: it could not;
 * 3: refused with an error, which is what Landlock alone does. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/sandbox.h"

enum { EXIT_COULD = 0, EXIT_SETUP = 2, EXIT_COULD_NOT = 3, OPEN_FD = 10 };

static const char *folder;

static int verdict(int result)
{
    return result >= 0 ? EXIT_COULD : EXIT_COULD_NOT;
}

static int nothing(void)
{
    return EXIT_COULD;
}

static int try_socket(void)
{
    return verdict(socket(AF_INET, SOCK_STREAM, 0));
}

static int try_exec(void)
{
    char *argv[] = {"/bin/true", NULL};

    return verdict(execve(argv[0], argv, NULL));
}

static int try_fork(void)
{
    return verdict(fork());
}

static int try_passwd(void)
{
    return verdict(open("/etc/passwd", O_RDONLY));
}

static int try_key_file(void)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/root.key", folder);
    return verdict(open(path, O_RDONLY));
}

static int try_new_file(void)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/new", folder);
    return verdict(open(path, O_WRONLY | O_CREAT, 0600));
}

static int try_ptrace(void)
{
    return verdict((int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int try_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED
               ? EXIT_COULD
               : EXIT_COULD_NOT;
}

static int try_other_fd(void)
{
    return verdict((int)write(OPEN_FD, "x", 1));
}

static int try_other_fd_at(void)
{
    return verdict((int)pwrite(OPEN_FD, "x", 1, 0));
}

static int try_sync(void)
{
    return verdict(fsync(OPEN_FD));
}

static int use_stderr(void)
{
    return write(STDERR_FILENO, "# still heard\n", 14) == 14 ? EXIT_COULD : EXIT_COULD_NOT;
}

static const struct {
    const char *name;
    int (*run)(void);
} attempts[] = {
    {"nothing", nothing},       {"socket", try_socket},           {"exec", try_exec},
    {"fork", try_fork},         {"passwd", try_passwd},           {"key-file", try_key_file},
    {"new-file", try_new_file}, {"ptrace", try_ptrace},           {"code", try_code},
    {"other-fd", try_other_fd}, {"other-fd-at", try_other_fd_at}, {"sync", try_sync},
    {"use-stderr", use_stderr},
};

static bool enter(bool landlock_only)
{
    char path[512];
    uint16_t abi;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/opened-before", folder);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || dup2(fd, OPEN_FD) < 0 || mrl_sandbox_start(NULL) != MRL_OK)
        return false;
    if (landlock_only)
        return mrl_sandbox_landlock(&abi, NULL) == MRL_OK && abi > 0;
    return mrl_sandbox_enter(&abi, NULL) == MRL_OK;
}

int main(int argc, char **argv)
{
    bool landlock_only = argc == 4 && strcmp(argv[3], "landlock") == 0;

    if (argc < 3)
        return EXIT_SETUP;
    folder = argv[2];
    if (!enter(landlock_only))
        return EXIT_SETUP;
    for (size_t i = 0; i < MRL_COUNT(attempts); i++)
        if (strcmp(argv[1], attempts[i].name) == 0)
            _exit(attempts[i].run());
    return EXIT_SETUP;
}
