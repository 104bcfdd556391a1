/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "cli/file.h"
#include "cli/target.h"
#include "net/tls_client.h"
#include "wire/http1_uri.h"

enum {
    ANSWER_LIMIT = 64 << 20,
    TIMEOUT_MS = 120000, /* the daemon may verify a long log within one request */
    IDLE_MS = 90000,     /* of the event stream, which says something every few seconds */
    PAGE = 500,
};

static const struct mrl_json_limits json_limits = {.bytes = ANSWER_LIMIT, .depth = 64};

void mrl_cli_answer_done(struct mrl_cli_answer *a)
{
    mrl_http_result_done(&a->raw);
    json_decref(a->json);
    a->json = NULL;
}

/* cli->why is written already. */
static mrl_exit exit_of_connection(mrl_err err)
{
    return err == MRL_ERR_AUTH ? MRL_EXIT_DENIED : MRL_EXIT_UNREACHABLE;
}

static mrl_exit need(struct mrl_cli *cli, const char *file, const char *option)
{
    if (file != NULL)
        return MRL_EXIT_OK;
    return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s needs --%s", cli->server, option);
}

static mrl_exit read_certs(struct mrl_cli *cli, const char *path, struct mrl_cert_list *out)
{
    MRL_SCOPED(mrl_buf) pem = {0};

    MRL_EXIT_TRY(mrl_cli_file_read(cli, path, &pem));
    if (mrl_cert_list_add_pem(out, mrl_buf_bytes(&pem)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: no certificate in PEM", path);
    return MRL_EXIT_OK;
}

static mrl_exit read_key(struct mrl_cli *cli, const char *path, struct mrl_key **out)
{
    MRL_SCOPED(mrl_buf) pem = {0};
    mrl_err err;

    MRL_EXIT_TRY(mrl_cli_file_read(cli, path, &pem));
    err = mrl_key_from_pem(mrl_buf_bytes(&pem), MRL_BYTES_NONE, out);
    mrl_wipe(pem.data, pem.len);
    if (err == MRL_ERR_AUTH)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED,
                            "%s: the key is encrypted; give a file without passphrase", path);
    if (err != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: no private key in PEM", path);
    return MRL_EXIT_OK;
}

static mrl_exit set_identity(struct mrl_cli *cli)
{
    MRL_SCOPED(mrl_cert_list) chain = {0};
    MRL_AUTO(mrl_key) key = NULL;

    MRL_EXIT_TRY(read_certs(cli, cli->cert, &chain));
    MRL_EXIT_TRY(read_key(cli, cli->key, &key));
    if (mrl_tls_context_set_identity(cli->tls, &chain, key, &cli->why) != MRL_OK)
        return MRL_EXIT_REFUSED;
    return MRL_EXIT_OK;
}

static mrl_exit make_tls(struct mrl_cli *cli)
{
    MRL_SCOPED(mrl_cert_list) roots = {0};
    const struct mrl_tls_client_config config = {.roots = &roots};

    MRL_EXIT_TRY(need(cli, cli->root, "root"));
    MRL_EXIT_TRY(need(cli, cli->cert, "cert"));
    MRL_EXIT_TRY(need(cli, cli->key, "key"));
    MRL_EXIT_TRY(read_certs(cli, cli->root, &roots));
    if (mrl_tls_client_new(&config, &cli->tls, &cli->why) != MRL_OK)
        return MRL_EXIT_REFUSED;
    return set_identity(cli);
}

static mrl_exit open_client(struct mrl_cli *cli)
{
    struct mrl_http_client_config config = {
        .server = mrl_str(cli->server), .timeout_ms = TIMEOUT_MS, .body_limit = ANSWER_LIMIT};

    if (cli->client != NULL)
        return MRL_EXIT_OK;
    if (mrl_bytes_starts(config.server, MRL_LIT("https://"))) {
        config.server = mrl_bytes_sub(config.server, strlen("https://"), config.server.len);
        if (mrl_bytes_ends(config.server, MRL_LIT("/")))
            config.server.len--;
        MRL_EXIT_TRY(make_tls(cli));
        config.tls = cli->tls;
    } else if (!mrl_bytes_starts(config.server, MRL_LIT("unix:"))) {
        return mrl_cli_fail(cli, MRL_EXIT_USAGE,
                            "%s: the server is unix:/path or https://host:port", cli->server);
    }
    if (mrl_http_client_new(&config, &cli->client, &cli->why) != MRL_OK)
        return MRL_EXIT_USAGE;
    return MRL_EXIT_OK;
}

void mrl_cli_session_close(struct mrl_cli *cli)
{
    mrl_http_client_free(MRL_TAKE(cli->client));
    mrl_tls_context_free(MRL_TAKE(cli->tls));
}

/* What an answer is, without the parameters. RFC 9110 8.3.1 */
static bool is_of_type(const struct mrl_http_result *answer, const char *wanted)
{
    mrl_bytes type, parameters;

    if (!mrl_http_result_header(answer, "Content-Type", &type))
        return false;
    (void)mrl_bytes_split(type, ';', &type, &parameters);
    return mrl_bytes_eq_nocase(mrl_bytes_trim(type), mrl_str(wanted));
}

/* A request that got as far as HTTP and no further is answered in a line of text. */
static mrl_exit tell_status(struct mrl_cli *cli, mrl_exit code,
                            const struct mrl_http_result *answer)
{
    mrl_bytes text = mrl_bytes_trim(mrl_buf_bytes(&answer->body));

    if (!is_of_type(answer, "text/plain") || text.len == 0)
        return mrl_cli_fail(cli, code, "the server answered with status %u", answer->status);
    return mrl_cli_fail(cli, code, "the server answered with status %u: %.*s", answer->status,
                        MRL_FMT(text));
}

mrl_exit mrl_cli_judge(struct mrl_cli *cli, const struct mrl_http_result *answer)
{
    mrl_exit code =
        answer->status == 401 || answer->status == 403 ? MRL_EXIT_DENIED : MRL_EXIT_REFUSED;
    MRL_AUTO(json_t) problem = NULL;
    mrl_bytes detail, title;

    if (answer->status >= 200 && answer->status < 300)
        return MRL_EXIT_OK;
    if (mrl_json_read(mrl_buf_bytes(&answer->body), &json_limits, &problem, NULL) != MRL_OK)
        return tell_status(cli, code, answer);
    /* RFC 9457 3.1 */
    if (mrl_json_get_str(problem, "title", &title, NULL) != MRL_OK)
        title = MRL_LIT("the server refused");
    if (mrl_json_get_str(problem, "detail", &detail, NULL) != MRL_OK || detail.len == 0)
        detail = title;
    return mrl_cli_fail(cli, code, "%.*s", MRL_FMT(detail));
}

/* Somebody typed a name that no path can hold: RFC 3986 3.3, and what the server refuses. */
static mrl_exit check_target(struct mrl_cli *cli, mrl_bytes target)
{
    struct mrl_arena arena = {0};
    struct mrl_http_target unused;
    mrl_err err = mrl_http_target_read(target, &arena, &unused, NULL);

    mrl_arena_done(&arena);
    if (err == MRL_OK)
        return MRL_EXIT_OK;
    return mrl_cli_fail(cli, MRL_EXIT_USAGE,
                        "%.*s cannot be asked for: a name is not empty, not . or .., and has no /, "
                        "\\ or control characters",
                        MRL_FMT(target));
}

mrl_exit mrl_cli_ask(struct mrl_cli *cli, const char *method, mrl_bytes target, const json_t *body,
                     struct mrl_cli_answer *out)
{
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_http_call call = {.method = method, .target = target};
    mrl_err err;

    MRL_EXIT_TRY(check_target(cli, target));
    MRL_EXIT_TRY(open_client(cli));
    if (body != NULL) {
        if (mrl_json_write(body, &text) != MRL_OK)
            return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the request is too large");
        call.body = mrl_buf_bytes(&text);
        call.content_type = "application/json";
    }
    err = mrl_http_client_request(cli->client, &call, &out->raw, &cli->why);
    if (err != MRL_OK)
        return exit_of_connection(err);
    MRL_EXIT_TRY(mrl_cli_judge(cli, &out->raw));
    if (is_of_type(&out->raw, "application/json") &&
        mrl_json_read(mrl_buf_bytes(&out->raw.body), &json_limits, &out->json, &cli->why) != MRL_OK)
        return MRL_EXIT_REFUSED;
    return MRL_EXIT_OK;
}

mrl_exit mrl_cli_get(struct mrl_cli *cli, mrl_bytes target, struct mrl_cli_answer *out)
{
    return mrl_cli_ask(cli, "GET", target, NULL, out);
}

mrl_exit mrl_cli_stream(struct mrl_cli *cli, mrl_bytes target,
                        bool (*see)(void *context, mrl_bytes piece), void *context,
                        int interrupt_fd)
{
    MRL_SCOPED(mrl_http_result) answer = {0};
    const struct mrl_http_call call = {.method = "GET", .target = target};
    mrl_err err;

    MRL_EXIT_TRY(check_target(cli, target));
    MRL_EXIT_TRY(open_client(cli));
    err = mrl_http_client_stream(cli->client, &call, see, context, IDLE_MS, interrupt_fd, &answer,
                                 &cli->why);
    if (err == MRL_ERR_AGAIN)
        return MRL_EXIT_OK;
    if (err != MRL_OK)
        return exit_of_connection(err);
    return mrl_cli_judge(cli, &answer);
}

/* The next page; *cursor becomes what names the one after it, empty after the last. */
static mrl_exit add_page(struct mrl_cli *cli, mrl_bytes target, struct mrl_buf *cursor,
                         json_t *items)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) full = {0};
    json_t *page = NULL;
    mrl_bytes next = MRL_BYTES_NONE;

    if (mrl_buf_append(&full, target) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the list cannot be asked for");
    mrl_cli_target_query_number(&full, "limit", PAGE);
    if (cursor->len > 0)
        mrl_cli_target_query(&full, "cursor", mrl_buf_bytes(cursor));
    MRL_EXIT_TRY(mrl_cli_get(cli, mrl_buf_bytes(&full), &answer));
    if (mrl_json_get_array(answer.json, "items", &page, &cli->why) != MRL_OK ||
        json_array_extend(items, page) != 0)
        return MRL_EXIT_REFUSED;
    (void)mrl_json_get_str(answer.json, "next", &next, NULL); /* absent on the last page */
    mrl_buf_clear(cursor);
    if (mrl_buf_append(cursor, next) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the list cannot be continued");
    return MRL_EXIT_OK;
}

mrl_exit mrl_cli_list(struct mrl_cli *cli, mrl_bytes target, size_t max, json_t **items)
{
    MRL_AUTO(json_t) all = mrl_json_array();
    MRL_SCOPED(mrl_buf) cursor = {0};
    size_t before;

    do {
        before = json_array_size(all);
        MRL_EXIT_TRY(add_page(cli, target, &cursor, all));
        /* A server that gives a next page and nothing on this one would keep us for ever. */
    } while (cursor.len > 0 && json_array_size(all) > before &&
             (max == 0 || json_array_size(all) < max));
    while (max > 0 && json_array_size(all) > max)
        (void)json_array_remove(all, json_array_size(all) - 1); /* in range */
    *items = MRL_TAKE(all);
    return MRL_EXIT_OK;
}

mrl_exit mrl_cli_open_interrupt(struct mrl_cli *cli, int *fd)
{
    sigset_t signals;

    (void)sigemptyset(&signals); /* these three cannot fail for valid signals */
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0 ||
        (*fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "cannot wait for signals: %s",
                            strerrordesc_np(errno));
    return MRL_EXIT_OK;
}
