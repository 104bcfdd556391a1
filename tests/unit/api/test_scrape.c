/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "issuing/generations.h"
#include "issuing/issuing.h"
#include "messages/retained.h"
#include "tests/unit/api/fixture.h"

static void has_line(const struct reply *r, const char *line)
{
    char wanted[256];

    (void)snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    if (strstr(r->body, wanted) == NULL)
        fail_msg("no line \"%s\" in\n%s", line, r->body);
}

static void all_duties_are_in_the_scrape(void **state)
{
    struct fixture *f = *state;
    struct identity identity = {0};
    struct reply r;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"a\"}");
    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"b\"}");
    expect_only(f, 200, "POST", "/v1/devices/b/retire", NULL);
    expect_only(f, 201, "POST", "/v1/applications", "{\"id\":\"backend\"}");
    certify(f, "application", "backend", &identity);
    assert_int_equal(mrl_telemetry_observe(f->api.telemetry, MRL_LIT("a"),
                                           MRL_LIT("devices/a/climate"),
                                           MRL_LIT("{\"temperature\":25.5}")),
                     0);
    mrl_retained_owed(f->api.retained)->subscriptions = 2;
    mrl_retained_owed(f->api.retained)->found = 3;
    r = expect(f, 200, "GET", "/metrics", NULL);
    assert_non_null(strstr(r.head, "Content-Type: text/plain; version=0.0.4"));
    has_line(&r, "merlon_devices{state=\"expected\"} 1");
    has_line(&r, "merlon_devices{state=\"retired\"} 1");
    has_line(&r, "merlon_applications 1");
    has_line(&r, "merlon_credentials 1");
    has_line(&r, "merlon_audit_entries 5");
    has_line(&r, "merlon_retained_owed_subscriptions 2");
    has_line(&r, "merlon_retained_owed_messages 3");
    has_line(&r, "merlon_build_info{version=\"0.0.0-test\"} 1");
    has_line(&r, "iot_device_temperature{device_id=\"a\"} 25.5");
    reply_done(&r);
    identity_done(&identity);
}

static void certificates_of_devices_are_counted_by_their_end(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"a\"}");
    assert_ok(store_exec(
        f->api.store,
        "INSERT INTO credentials (fingerprint, serial, kind, principal, not_before, not_after,"
        " state, reason, created, changed, der) SELECT x.column1, x.column1, 1, 'a', 0,"
        " CAST(strftime('%s', 'now') AS INTEGER) + x.column2, x.column3, '', 0, 0, x.column1 FROM"
        " (VALUES (x'01', -60, 1), (x'02', 3600, 1), (x'03', 3600, 3), (x'04', 86400 * 20, 1),"
        " (x'05', 86400 * 200, 1)) x",
        MRL_NO_ARGS));
    r = expect(f, 200, "GET", "/metrics", NULL);
    has_line(&r, "merlon_device_certificates{expires_within=\"0s\"} 1");
    has_line(&r, "merlon_device_certificates{expires_within=\"1d\"} 2"); /* one is revoked */
    has_line(&r, "merlon_device_certificates{expires_within=\"7d\"} 2");
    has_line(&r, "merlon_device_certificates{expires_within=\"30d\"} 3");
    has_line(&r, "merlon_device_certificates{expires_within=\"90d\"} 3");
    reply_done(&r);
}

static void the_end_of_each_active_ca_is_told(void **state)
{
    struct fixture *f = *state;
    struct reply r = expect(f, 200, "GET", "/metrics", NULL);
    const struct mrl_ca_info *ca = mrl_issuing_ca(f->api.issuing, 0);
    char line[96];

    assert_non_null(ca);
    (void)snprintf(line, sizeof(line), "merlon_ca_not_after_seconds{ca=\"%s-1\"} %lld",
                   mrl_ca_kind_name(ca->kind), (long long)mrl_cert_facts(ca->cert)->not_after);
    has_line(&r, line);
    reply_done(&r);
}

static void who_is_on_this_machine_may_scrape(void **state)
{
    struct fixture *f = *state;
    const struct identity none = {0};
    const struct mrl_peer stranger = {.kind = MRL_PEER_LOCAL, .uid = 54321};
    const struct mrl_peer far = {.kind = MRL_PEER_IPV4, .ip = {192, 0, 2, 7}};
    const struct {
        struct caller caller;
        unsigned status;
    } callers[] = {
        {{.identity = &none}, 200}, /* loopback, no certificate */
        {{.peer = &stranger}, 200}, /* let in by the mode of the socket */
        {{.peer = &far}, 401},
    };

    for (size_t i = 0; i < MRL_COUNT(callers); i++) {
        struct reply r = ask(f, &callers[i].caller, "GET", "/metrics", NULL);

        assert_int_equal(r.status, callers[i].status);
        reply_done(&r);
    }
}

static void the_server_says_how_it_is(void **state)
{
    struct fixture *f = *state;
    struct reply r;

    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"a\"}");
    r = expect(f, 200, "GET", "/v1/status", NULL);
    assert_string_equal(member(&r, "version"), "0.0.0-test");
    assert_string_equal(member(&r, "mqtt_address"), "localhost:8883");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(r.json, "devices"), "expected")), 1);
    assert_int_equal(json_integer_value(json_object_get(r.json, "audit_entries")), 1);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(r.json, "ca"), "roots_sha256")), 1);
    reply_done(&r);
}

static void the_ca_is_given_as_pem(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_cert) root = NULL;
    struct reply r = expect(f, 200, "GET", "/v1/ca", NULL);

    assert_ok(mrl_cert_from_pem(mrl_str(member(&r, "root")), &root));
    assert_true(mrl_cert_facts(root)->is_ca);
    assert_non_null(strstr(member(&r, "issuing"), "BEGIN CERTIFICATE"));
    assert_int_equal(strlen(member(&r, "root_sha256")), 64);
    reply_done(&r);
}

/* promtool reads the real answer: `promtool check metrics`. */
static void promtool_finds_nothing_wrong(void **state)
{
    struct fixture *f = *state;
    struct reply r;
    FILE *promtool;

    if (system("command -v promtool >/dev/null") != 0)
        skip_because("no promtool");
    expect_only(f, 201, "POST", "/v1/devices", "{\"id\":\"a\"}");
    assert_int_equal(mrl_telemetry_observe(f->api.telemetry, MRL_LIT("a"),
                                           MRL_LIT("devices/a/climate"),
                                           MRL_LIT("{\"temperature\":-3e-2}")),
                     0);
    r = expect(f, 200, "GET", "/metrics", NULL);
    promtool = popen("promtool check metrics 1>&2", "w");
    assert_non_null(promtool);
    assert_true(fputs(r.body, promtool) >= 0);
    assert_int_equal(pclose(promtool), 0);
    reply_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(all_duties_are_in_the_scrape),
        WITH_API(certificates_of_devices_are_counted_by_their_end),
        WITH_API(the_end_of_each_active_ca_is_told),
        WITH_API(who_is_on_this_machine_may_scrape),
        WITH_API(the_server_says_how_it_is),
        WITH_API(the_ca_is_given_as_pem),
        WITH_API(promtool_finds_nothing_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
