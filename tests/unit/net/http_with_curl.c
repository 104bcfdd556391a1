/* SPDX-License-Identifier: Apache-2.0 */
/* A client somebody else wrote: curl against the server, over a UNIX socket and over TLS. Exit code
 * 77 (skipped) without curl. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/net/http_fixture.h"

extern char **environ;

enum { SKIPPED = 77, ARGUMENTS_MAX = 16 };

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "failed: %s\n", what);
    abort();
}

static void read_all(int fd, struct mrl_buf *out)
{
    ssize_t got = 1;

    while (got > 0) {
        uint8_t *to;

        must(mrl_buf_reserve(out, 4096, &to) == MRL_OK, "memory");
        got = read(fd, to, 4096);
        mrl_buf_added(out, got > 0 ? (size_t)got : 0);
    }
}

/* What curl prints with these arguments. Returns its exit code, -1 when there is no curl. */
static int curl(const char *const *arguments, struct mrl_buf *out)
{
    const char *argv[ARGUMENTS_MAX + 8] = {"curl", "-q",         "-sS", "--noproxy",
                                           "*",    "--max-time", "20"};
    posix_spawn_file_actions_t actions;
    int ends[2], status = 0, error;
    pid_t pid;

    for (size_t i = 0; arguments[i] != NULL; i++)
        argv[7 + i] = arguments[i];
    must(pipe(ends) == 0 && posix_spawn_file_actions_init(&actions) == 0 &&
             posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0 &&
             posix_spawn_file_actions_addclose(&actions, ends[0]) == 0,
         "pipe");
    error = posix_spawnp(&pid, "curl", &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions); /* memory only */
    (void)close(ends[1]);
    if (error == 0)
        read_all(ends[0], out);
    (void)close(ends[0]);
    if (error != 0)
        return -1;
    must(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "curl ended");
    return WEXITSTATUS(status);
}

static void write_roots(const struct fixture *f, const char *path)
{
    MRL_SCOPED(mrl_buf) pem = {0};
    FILE *file = fopen(path, "we");

    must(file != NULL && mrl_cert_to_pem(f->pki.roots.certs[0], &pem) == MRL_OK &&
             fwrite(pem.data, 1, pem.len, file) == pem.len && fclose(file) == 0,
         "writing the roots");
}

static void expect(const char *what, const char *const *arguments, int exit_code,
                   const char *wanted)
{
    MRL_SCOPED(mrl_buf) out = {0};
    int code = curl(arguments, &out);

    if (code == exit_code && mrl_bytes_eq(mrl_buf_bytes(&out), mrl_str(wanted)))
        return;
    (void)fprintf(stderr, "%s: exit code %d, printed \"%.*s\"\n", what, code,
                  MRL_FMT(mrl_buf_bytes(&out)));
    must(false, what);
}

#define EXPECT(what, exit_code, wanted, ...) \
    expect(what, (const char *const[]){__VA_ARGS__, NULL}, exit_code, wanted)

static void over_a_unix_socket(const char *path)
{
    EXPECT("two requests, one connection", 0, "one1two0", "--unix-socket", path, "-w",
           "%{num_connects}", "http://localhost/query?name=one", "http://localhost/query?name=two");
    EXPECT("post", 0, "hello", "--unix-socket", path, "-d", "hello", "http://localhost/echo");
    EXPECT("chunked", 0, "hello", "--unix-socket", path, "-H", "Transfer-Encoding: chunked", "-d",
           "hello", "http://localhost/defer");
    EXPECT("100-continue", 0, "hello", "--unix-socket", path, "-H", "Expect: 100-continue",
           "--expect100-timeout", "15", "-d", "hello", "http://localhost/echo");
    EXPECT("head", 0, "200 5000", "--unix-socket", path, "-I", "-o", "/dev/null", "-w",
           "%{http_code} %header{content-length}", "http://localhost/big?size=5000");
    EXPECT("http/1.0", 0, "old", "--unix-socket", path, "--http1.0",
           "http://localhost/query?name=old");
    EXPECT("stream", 28, "data: hello\n\n", "--unix-socket", path, "-N", "--max-time", "3",
           "http://localhost/stream");
}

static void over_tls(const char *port, const char *roots)
{
    char url[128];

    (void)snprintf(url, sizeof(url), "https://localhost%s/peer", port);
    EXPECT("unknown CA", 60, "", url);
    (void)snprintf(url, sizeof(url), "https://localhost%s/defer", port);
    EXPECT("tls", 0, "hello", "--cacert", roots, "-d", "hello", url);
    EXPECT("tls 1.2", 0, "hello", "--cacert", roots, "--tls-max", "1.2", "-d", "hello", url);
    (void)snprintf(url, sizeof(url), "https://localhost%s/big?size=3000000", port);
    EXPECT("large answer", 0, "3000000", "--cacert", roots, "-o", "/dev/null", "-w",
           "%{size_download}", url);
}

int main(void)
{
    const struct fixture_config config = {0};
    MRL_SCOPED(mrl_buf) version = {0};
    static struct fixture f;
    char roots[96];

    if (curl((const char *const[]){"--version", NULL}, &version) != 0)
        return SKIPPED;
    fixture_start(&f, &config);
    (void)snprintf(roots, sizeof(roots), "%s/r", f.folder);
    write_roots(&f, roots);
    over_a_unix_socket(&f.local[strlen("unix:")]);
    over_tls(strrchr(f.remote, ':'), roots);
    must(unlink(roots) == 0, "cleaning up");
    fixture_stop(&f);
    return 0;
}
