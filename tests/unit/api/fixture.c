/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/api/fixture.h"

#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <semaphore.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/rcu.h"
#include "devices/denied_key.h"
#include "devices/hardware.h"
#include "keys/spawn.h"
#include "messages/retained.h"
#include "onboarding/templates.h"
#include "tests/unit/keys/fixture.h"

static const struct mrl_telemetry_mapping mappings[] = {{
    .topic = MRL_LIT_INIT("devices/${id}/climate"),
    .field = MRL_LIT_INIT("temperature"),
    .metric = MRL_LIT_INIT("iot_device_temperature"),
    .help = MRL_LIT_INIT("Degrees Celsius."),
    .series = 10,
}};

static void open_keys(struct fixture *f)
{
    struct mrl_keys_options options = {.program = getenv("MERLON_KEYS"), .dir = f->keys_folder};
    struct mrl_why why = {""};

    fixture_folder(f->keys_folder);
    fixture_keystore(f->keys_folder);
    if (mrl_keys_spawn(&options, &f->keys, &why) != MRL_OK)
        fail_msg("%s", why.text);
}

static void on_begun(void *context)
{
    struct fixture *f = context;

    f->begun++;
}

static void open_rotation(struct fixture *f)
{
    static const struct mrl_seal_column columns[] = {{"devices", "note", NULL, "id"},
                                                     {"accounts", "note", "kind", "id"}};
    const struct mrl_seal_rotation_config config = {.store = f->api.store,
                                                    .sealer = f->sealer,
                                                    .root = test_seal_root(&f->root),
                                                    .columns = columns,
                                                    .column_count = MRL_COUNT(columns)};

    f->api.rotation = mrl_seal_rotation_new(&config);
    f->api.seal_root = test_seal_root(&f->root);
    f->api.rotation_begun = on_begun;
    f->api.rotation_context = f;
}

static void open_store(struct fixture *f)
{
    const struct mrl_migration_list lists[] = {
        mrl_seal_migrations,         mrl_audit_migrations,       mrl_access_migrations,
        mrl_devices_migrations,      mrl_psk_migrations,         mrl_token_migrations,
        mrl_provisioning_migrations, mrl_hardware_migrations,    mrl_ca_migrations,
        mrl_renewals_migrations,     mrl_expectation_migrations, mrl_denied_key_migrations,
        mrl_wipe_migrations};
    const struct mrl_store_options o = {
        .path = f->place.path, .migrations = lists, .migrations_count = MRL_COUNT(lists)};
    struct mrl_seal_root root;
    struct mrl_why why = {""};

    place_make(&f->place);
    if (mrl_store_open(&o, &f->api.store, &why) != MRL_OK)
        fail_msg("%s", why.text);
    f->root = test_root_new();
    root = test_seal_root(&f->root);
    assert_ok(mrl_sealer_open(f->api.store, &root, &f->sealer, &why));
    open_rotation(f);
}

static void open_duties(struct fixture *f)
{
    static const mrl_bytes name = MRL_LIT_INIT("localhost");
    const struct mrl_issuing_config issuing = {.keys = f->keys,
                                               .store = f->api.store,
                                               .device_life_s = 86400,
                                               .application_life_s = 86400,
                                               .operator_life_s = 86400,
                                               .server_life_s = 86400,
                                               .server_names = &name,
                                               .server_name_count = 1};
    static const struct mrl_admission_config admission = {.waiting = 100};

    log_open(&f->log, f->api.store, f->sealer);
    f->api.audit = f->log.audit;
    assert_ok(mrl_access_open(f->api.store, &f->api.access, NULL));
    assert_ok(mrl_registry_open(f->api.store, f->sealer, f->api.access, &f->api.registry, NULL));
    assert_ok(mrl_registry_also_on_revoke(f->api.registry, mrl_token_cancel_all, NULL));
    assert_ok(mrl_issuing_new(&issuing, &f->api.issuing, NULL));
    assert_ok(mrl_renewals_open(f->api.store, mrl_issuing_audit_key(f->api.issuing),
                                &f->api.renewals, NULL));
    assert_ok(mrl_telemetry_new(mappings, MRL_COUNT(mappings), &f->api.telemetry, NULL));
    f->onboarding = (struct mrl_onboarding){.store = f->api.store,
                                            .registry = f->api.registry,
                                            .issuing = f->api.issuing,
                                            .audit = f->api.audit,
                                            .renewals = f->api.renewals,
                                            .admission = mrl_admission_new(&admission)};
    assert_ok(
        mrl_hardware_open(f->api.store, f->api.registry, NULL, 0, &f->onboarding.hardware, NULL));
    f->api.onboarding = &f->onboarding;
    f->api.sealer = f->sealer;
    f->api.metrics = mrl_metrics_new(1);
    f->api.retained = mrl_retained_new(100, 1 << 20);
    f->api.started_ms = mrl_wall_ms();
    f->api.version = "0.0.0-test";
    assert_ok(mrl_backup_new(f->api.store, f->place.folder, f->api.version, &f->api.backup));
    f->api.server_name = name;
    assert_true(mrl_bytes_to_cstr(MRL_LIT("localhost:8883"), f->api.mqtt_address,
                                  sizeof(f->api.mqtt_address)));
    assert_true(mrl_bytes_to_cstr(MRL_LIT("localhost:8443"), f->api.enrolment_address,
                                  sizeof(f->api.enrolment_address)));
}

static void open_tls(struct fixture *f)
{
    const struct mrl_tls_server_config config = {.client_certificate = MRL_CLIENT_CERT_OPTIONAL,
                                                 .judge = mrl_api_judge,
                                                 .judge_context = f->api.registry,
                                                 .roots = mrl_issuing_roots(f->api.issuing)};
    MRL_SCOPED(mrl_server_identity) identity = {0};
    struct mrl_why why = {""};

    assert_ok(mrl_issuing_server_identity(f->api.issuing, &identity, &why));
    assert_ok(mrl_tls_server_new(&config, &f->tls, &why));
    assert_ok(mrl_tls_context_set_identity(f->tls, &identity.chain, identity.key, &why));
}

static void accepted(void *context, int fd, const struct mrl_peer *peer)
{
    struct fixture *f = context;

    mrl_http_accept_tls(f->server, fd, peer, f->tls);
}

static void open_listener(struct fixture *f)
{
    struct mrl_address address;
    const struct mrl_listener_config config = {
        .loop = f->loop, .address = &address, .context = f, .accepted = accepted};

    assert_ok(mrl_address_parse(MRL_LIT("127.0.0.1:0"), &address, NULL));
    assert_ok(mrl_listener_open(&config, &f->listener, NULL));
}

static bool may_connect(void *context, const struct mrl_session *s)
{
    (void)context;
    (void)s;
    return true;
}

static bool may(void *context, const struct mrl_session *s, struct mrl_hub_question *question)
{
    (void)context;
    (void)s;
    (void)question;
    return true;
}

static void dropped(void *context, const struct mrl_session *s, mrl_err why)
{
    (void)context;
    (void)s;
    (void)why;
}

static void open_hub(struct fixture *f)
{
    static const struct mrl_hub_limits limits = {10, 100, 1 << 20, 10, 3600};
    static const struct mrl_hub_hooks hooks = {
        .may_connect = may_connect, .may = may, .dropped = dropped};

    f->routes = mrl_routes_new();
    f->hubs[0] = mrl_hub_new(f->loop, f->mailbox, 0, f->api.retained, f->routes, &limits, &hooks);
    mrl_hub_join(f->hubs[0], f->hubs, 1);
}

static void *run_loop(void *context)
{
    struct fixture *f = context;

    mrl_rcu_register();
    (void)mrl_loop_run(f->loop);
    return NULL;
}

static void open_worker(struct fixture *f)
{
    struct mrl_conns_config conns = {0};
    struct mrl_http_server_config config = {
        .handler = mrl_api_handle, .refused = mrl_api_refused, .context = &f->worker};

    assert_ok(mrl_loop_new(&f->loop));
    conns.loop = f->loop;
    assert_ok(mrl_conns_new(&conns, &f->conns));
    assert_ok(mrl_mailbox_new(f->loop, f, &f->mailbox));
    assert_ok(mrl_service_new("test", 2, 64, &f->service));
    open_hub(f);
    config.loop = f->loop;
    config.conns = f->conns;
    config.mailbox = f->mailbox;
    config.service = f->service;
    assert_ok(mrl_http_server_new(&config, &f->server));
    f->worker = (struct mrl_api_worker){
        .api = &f->api, .hub = f->hubs[0], .loop = f->loop, .mailbox = f->mailbox};
    open_tls(f);
    open_listener(f);
    assert_int_equal(pthread_create(&f->thread, NULL, run_loop, f), 0);
}

int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    mrl_rcu_register();
    open_keys(f); /* first: it forks */
    open_store(f);
    open_duties(f);
    open_worker(f);
    *state = f;
    return 0;
}

struct errand {
    struct mrl_message message;
    void (*run)(struct fixture *f, void *context);
    void *context;
    sem_t done;
};

static void on_errand(struct mrl_message *m, void *owner)
{
    struct errand *e = MRL_CONTAINER(m, struct errand, message);

    e->run(owner, e->context);
    assert_int_equal(sem_post(&e->done), 0);
}

void on_worker(struct fixture *f, void (*run)(struct fixture *f, void *context), void *context)
{
    struct errand e = {.message.handle = on_errand, .run = run, .context = context};

    assert_int_equal(sem_init(&e.done, 0, 0), 0);
    mrl_mailbox_post(f->mailbox, &e.message);
    assert_int_equal(sem_wait(&e.done), 0);
    (void)sem_destroy(&e.done);
}

static void stop(struct fixture *f, void *context)
{
    (void)context;
    mrl_http_server_stop(f->server);
    mrl_listener_close(f->listener);
    mrl_conns_free(f->conns);
    mrl_loop_stop(f->loop);
}

static void close_worker(struct fixture *f)
{
    on_worker(f, stop, NULL);
    assert_int_equal(pthread_join(f->thread, NULL), 0);
    mrl_service_free(f->service);
    log_close(&f->log);
    mrl_store_close(f->api.store);
    mrl_backup_free(f->api.backup);
    mrl_seal_rotation_free(f->api.rotation);
    mrl_sealer_free(f->sealer);
    mrl_secret_free(f->root.key);
    mrl_mailbox_free(f->mailbox);
    mrl_http_server_free(f->server);
    mrl_tls_context_free(f->tls);
    mrl_hub_free(f->hubs[0]);
    mrl_loop_free(f->loop);
}

int tear_down(void **state)
{
    struct fixture *f = *state;

    close_worker(f);
    mrl_admission_free(f->onboarding.admission);
    mrl_renewals_free(f->api.renewals);
    mrl_issuing_free(f->api.issuing);
    mrl_hardware_free(f->onboarding.hardware);
    mrl_registry_free(f->api.registry);
    mrl_access_free(f->api.access);
    mrl_telemetry_free(f->api.telemetry);
    mrl_metrics_free(f->api.metrics);
    mrl_retained_free(f->api.retained);
    mrl_routes_free(f->routes);
    mrl_keys_client_free(f->keys);
    fixture_remove(f->keys_folder);
    place_remove(&f->place);
    free(f);
    return 0;
}

/* ---- the client ---- */

struct arrival {
    int fd;
    struct mrl_peer peer;
};

static void arrive(struct fixture *f, void *context)
{
    const struct arrival *a = context;

    mrl_http_accept_unix(f->server, a->fd, &a->peer);
}

static void set_patience(int fd)
{
    const struct timeval patience = {.tv_sec = 30};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
}

static int connect_local(struct fixture *f, const struct mrl_peer *peer)
{
    static const struct mrl_peer root = {.kind = MRL_PEER_LOCAL};
    struct arrival a = {.peer = peer != NULL ? *peer : root};
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    set_patience(ends[0]);
    a.fd = ends[1];
    on_worker(f, arrive, &a);
    return ends[0];
}

static int connect_remote(struct fixture *f)
{
    const struct mrl_address *a = mrl_listener_address(f->listener);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    set_patience(fd);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    assert_int_equal(connect(fd, &a->sa.any, a->len), 0);
    return fd;
}

static char *request_text(const struct caller *caller, const char *method, const char *target,
                          const char *body)
{
    const char *more = caller->headers != NULL ? caller->headers : "";
    bool typed = body[0] == '\0' || strstr(more, "Content-Type:") != NULL;
    char *text = NULL;

    assert_true(asprintf(&text,
                         "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                         "%s%sContent-Length: %zu\r\n\r\n%s",
                         method, target, typed ? "" : "Content-Type: application/json\r\n", more,
                         strlen(body), body) > 0);
    return text;
}

static void drain_socket(int fd, struct mrl_buf *to)
{
    uint8_t *space;
    ssize_t n;

    do {
        assert_ok(mrl_buf_reserve(to, 65536, &space));
        n = read(fd, space, 65536);
        if (n > 0)
            mrl_buf_added(to, (size_t)n);
    } while (n > 0);
}

static void ask_local(struct fixture *f, const struct caller *caller, const char *text,
                      struct mrl_buf *to)
{
    int fd = connect_local(f, caller->peer);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    drain_socket(fd, to);
    (void)close(fd);
}

static SSL_CTX *client_context(const struct identity *identity)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    MRL_AUTO(mrl_secret) pkcs8 = NULL;
    mrl_bytes der;

    if (identity->cert == NULL)
        return context;
    assert_int_equal(SSL_CTX_use_certificate(context, mrl_cert_native(identity->cert)), 1);
    assert_ok(mrl_key_to_pkcs8(identity->key, &pkcs8));
    der = mrl_secret_bytes(pkcs8);
    {
        const unsigned char *at = der.data;
        EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);

        assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
        EVP_PKEY_free(key);
    }
    return context;
}

bool remote_open(struct fixture *f, const struct identity *identity, struct remote *out)
{
    out->context = client_context(identity);
    out->ssl = SSL_new(out->context);
    out->fd = connect_remote(f);
    assert_int_equal(SSL_set_fd(out->ssl, out->fd), 1);
    return SSL_connect(out->ssl) == 1;
}

bool remote_send(struct remote *c, const char *text)
{
    return SSL_write(c->ssl, text, (int)strlen(text)) > 0;
}

size_t remote_read(struct remote *c, void *to, size_t cap)
{
    int n = SSL_read(c->ssl, to, (int)cap);

    return n > 0 ? (size_t)n : 0;
}

void remote_close(struct remote *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->context);
    (void)close(c->fd);
}

static void ask_tls(struct fixture *f, const struct caller *caller, const char *text,
                    struct mrl_buf *to)
{
    struct remote c;
    uint8_t *space;
    size_t n = 0;

    if (remote_open(f, caller->identity, &c) && remote_send(&c, text))
        do {
            assert_ok(mrl_buf_reserve(to, 65536, &space));
            n = remote_read(&c, space, 65536);
            mrl_buf_added(to, n);
        } while (n > 0);
    remote_close(&c);
}

static struct reply read_reply(const struct mrl_buf *raw)
{
    struct reply r = {0};
    char *text = mrl_bytes_dup_cstr(mrl_buf_bytes(raw));
    char *body = strstr(text, "\r\n\r\n");

    if (body == NULL) {
        free(text);
        r.head = strdup("");
        r.body = strdup("");
        return r;
    }
    *body = '\0';
    assert_true(strncmp(text, "HTTP/1.1 ", 9) == 0);
    r.status = (unsigned)strtoul(text + 9, NULL, 10);
    r.head = text;
    r.body = strdup(&body[4]);
    r.json = json_loads(r.body, 0, NULL);
    return r;
}

struct reply ask(struct fixture *f, const struct caller *caller, const char *method,
                 const char *target, const char *body)
{
    char *text = request_text(caller, method, target, body != NULL ? body : "");
    MRL_SCOPED(mrl_buf) raw = {0};

    if (caller->identity != NULL)
        ask_tls(f, caller, text, &raw);
    else
        ask_local(f, caller, text, &raw);
    free(text);
    return read_reply(&raw);
}

void reply_done(struct reply *r)
{
    free(r->head);
    free(r->body);
    json_decref(r->json);
    *r = (struct reply){0};
}

struct reply expect(struct fixture *f, unsigned status, const char *method, const char *target,
                    const char *body)
{
    const struct caller root = {0};
    struct reply r = ask(f, &root, method, target, body);

    if (r.status != status)
        fail_msg("%s %s: %u instead of %u: %s", method, target, r.status, status, r.body);
    return r;
}

void expect_only(struct fixture *f, unsigned status, const char *method, const char *target,
                 const char *body)
{
    struct reply r = expect(f, status, method, target, body);

    reply_done(&r);
}

const char *member(const struct reply *r, const char *name)
{
    const char *text = json_string_value(json_object_get(r->json, name));

    if (text == NULL)
        fail_msg("no %s in %s", name, r->body);
    return text;
}

void assert_problem(const struct reply *r, unsigned status, const char *slug)
{
    static const char prefix[] = "urn:merlon:problem:";
    const char *type;

    if (r->status != status)
        fail_msg("%u instead of %u: %s", r->status, status, r->body);
    assert_non_null(strcasestr(r->head, "content-type: application/problem+json"));
    type = member(r, "type");
    assert_int_equal(strncmp(type, prefix, strlen(prefix)), 0);
    assert_string_equal(&type[strlen(prefix)], slug);
    assert_int_equal(json_integer_value(json_object_get(r->json, "status")), status);
    assert_true(strlen(member(r, "title")) > 0);
    assert_int_equal(strlen(member(r, "request")), 16);
}

int open_stream(struct fixture *f, const char *target)
{
    const struct caller root = {0};
    char *text = request_text(&root, "GET", target, "");
    int fd = connect_local(f, NULL);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    free(text);
    return fd;
}

bool read_until(int fd, char *to, size_t cap, const char *text)
{
    size_t len = 0;
    ssize_t n;

    to[0] = '\0';
    while (strstr(to, text) == NULL) {
        n = read(fd, &to[len], cap - len - 1);
        if (n <= 0)
            return false;
        len += (size_t)n;
        to[len] = '\0';
    }
    return true;
}

char *csr_body(const char *id, struct mrl_key **key)
{
    const struct mrl_csr_request request = {.cn = mrl_str(id)};
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_AUTO(json_t) o = mrl_json_object();
    MRL_SCOPED(mrl_buf) body = {0};

    assert_ok(mrl_key_generate(MRL_KEY_P256, key, NULL));
    assert_ok(mrl_csr_write(&request, *key, &der));
    assert_ok(mrl_buf_printf(&text, "-----BEGIN CERTIFICATE REQUEST-----\n"));
    assert_ok(mrl_base64_write(mrl_buf_bytes(&der), 64, &text));
    assert_ok(mrl_buf_printf(&text, "-----END CERTIFICATE REQUEST-----\n"));
    assert_ok(mrl_json_set_str(o, "csr", mrl_buf_bytes(&text)));
    assert_ok(mrl_json_write(o, &body));
    return mrl_bytes_dup_cstr(mrl_buf_bytes(&body));
}

void certify(struct fixture *f, const char *kind, const char *id, struct identity *out)
{
    char *body = csr_body(id, &out->key), target[160];
    struct reply r;

    (void)snprintf(target, sizeof(target), "/v1/%ss/%s/certificates", kind, id);
    r = expect(f, 201, "POST", target, body);
    assert_ok(mrl_cert_from_pem(mrl_str(member(&r, "certificate")), &out->cert));
    reply_done(&r);
    free(body);
}

void operator_with(struct fixture *f, const char *id, const char *role, struct identity *out)
{
    char body[256];

    (void)snprintf(body, sizeof(body), "{\"id\":\"%s\",\"roles\":[\"%s\"]}", id, role);
    expect_only(f, 201, "POST", "/v1/operators", body);
    certify(f, "operator", id, out);
}

void identity_done(struct identity *i)
{
    mrl_key_free(i->key);
    mrl_cert_free(i->cert);
}
