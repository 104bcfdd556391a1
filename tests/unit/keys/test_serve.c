/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/serve.h"

#include <string.h>

#include "base/clock.h"
#include "crypto/cert_build.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/unit.h"

/* A server over a real keystore, without process and sandbox. */
static char folder[FIXTURE_PATH_MAX];
static struct mrl_keystore keystore = {0};
static struct mrl_keys_server server;
static uint8_t memory[MRL_KEYS_MESSAGE_MAX];

static int start(void **state)
{
    struct mrl_policy_limits limits = mrl_policy_defaults();

    (void)state;
    fixture_folder(folder);
    fixture_keystore(folder);
    assert_ok(fixture_open(folder, &keystore, NULL));
    assert_ok(mrl_keys_warm_up(&keystore, NULL));
    server = (struct mrl_keys_server){.keystore = &keystore,
                                      .policy = mrl_policy_start(&limits, mrl_monotonic_ms())};
    return 0;
}

static int stop(void **state)
{
    (void)state;
    mrl_keystore_done(&keystore);
    fixture_remove(folder);
    return 0;
}

/* The answer's views are good until the next question. */
static struct mrl_keys_answer ask(const struct mrl_keys_request *q)
{
    static uint8_t message[MRL_KEYS_MESSAGE_MAX];
    struct mrl_writer w = mrl_writer_on(message, sizeof(message));
    struct mrl_writer reply = mrl_writer_on(memory, sizeof(memory));
    struct mrl_keys_answer a;

    assert_ok(mrl_keys_write_request(q, &w));
    assert_true(mrl_keys_handle(&server, mrl_bytes_of(message, w.len), &reply));
    assert_ok(mrl_keys_read_answer(mrl_bytes_of(memory, reply.len), &a));
    assert_int_equal(a.id, q->id);
    assert_int_equal(a.type, q->type);
    return a;
}

static struct mrl_buf new_spki(enum mrl_key_type type)
{
    MRL_AUTO(mrl_key) key = NULL;
    struct mrl_buf spki = {0};

    assert_ok(mrl_key_generate(type, &key, NULL));
    assert_ok(mrl_key_to_spki(key, &spki));
    return spki;
}

static struct mrl_keys_request issue_request(enum mrl_keys_kind kind, mrl_bytes id, mrl_bytes spki)
{
    return (struct mrl_keys_request){.id = 5,
                                     .type = MRL_KEYS_ISSUE,
                                     .issue = {.kind = kind,
                                               .id = id,
                                               .spki = spki,
                                               .not_before = mrl_wall_s() - 3600,
                                               .not_after = mrl_wall_s() + 86400}};
}

static void assert_only_uri(const struct mrl_cert_facts *facts, mrl_bytes expected)
{
    enum mrl_san_kind kind;
    struct mrl_san san;
    mrl_bytes value;

    assert_ok(mrl_san_start(facts->san, &san));
    assert_true(mrl_san_next(&san, &kind, &value));
    assert_int_equal(kind, MRL_SAN_URI);
    assert_bytes_equal(value, expected);
    assert_false(mrl_san_next(&san, &kind, &value));
}

static void a_device_certificate_says_exactly_who_it_is(void **state)
{
    MRL_SCOPED(mrl_buf) spki = new_spki(MRL_KEY_ED25519);
    MRL_AUTO(mrl_cert) cert = NULL;
    const struct mrl_keys_request q =
        issue_request(MRL_KEYS_DEVICE, MRL_LIT("pump-1"), mrl_buf_bytes(&spki));
    struct mrl_keys_answer a = ask(&q);
    const struct mrl_cert_facts *facts;

    (void)state;
    assert_ok(a.status);
    assert_ok(mrl_cert_from_der(a.bytes, &cert));
    facts = mrl_cert_facts(cert);
    assert_ok(mrl_cert_verify_signature(cert, keystore.issuing_cert));
    assert_bytes_equal(facts->cn, MRL_LIT("pump-1"));
    assert_bytes_equal(facts->spki, mrl_buf_bytes(&spki));
    assert_int_equal(facts->not_before, q.issue.not_before);
    assert_int_equal(facts->not_after, q.issue.not_after);
    assert_true(facts->client_auth && !facts->server_auth && !facts->is_ca);
    assert_only_uri(facts, MRL_LIT("urn:merlon:acme:device:pump-1"));
}

static void the_longest_id_is_whole_in_common_name_and_uri(void **state)
{
    MRL_SCOPED(mrl_buf) spki = new_spki(MRL_KEY_P256);
    char id[MRL_KEYS_ID_MAX];
    char uri[MRL_KEYS_URI_MAX];
    MRL_AUTO(mrl_cert) cert = NULL;
    struct mrl_keys_request q;
    struct mrl_keys_answer a;

    (void)state;
    assert_int_equal(sizeof(id), 64); /* RFC 5280 A.1, ub-common-name */
    memset(id, 'x', sizeof(id));
    q = issue_request(MRL_KEYS_OPERATOR, mrl_bytes_of(id, sizeof(id)), mrl_buf_bytes(&spki));
    a = ask(&q);
    assert_ok(a.status);
    assert_ok(mrl_cert_from_der(a.bytes, &cert));
    assert_bytes_equal(mrl_cert_facts(cert)->cn, q.issue.id);
    assert_ok(mrl_keys_uri(MRL_KEYS_OPERATOR, MRL_LIT("acme"), q.issue.id, uri));
    assert_only_uri(mrl_cert_facts(cert), mrl_str(uri));
}

static void a_server_certificate_has_its_names_and_no_uri(void **state)
{
    MRL_SCOPED(mrl_buf) spki = new_spki(MRL_KEY_P384);
    MRL_AUTO(mrl_cert) cert = NULL;
    struct mrl_keys_request q =
        issue_request(MRL_KEYS_SERVER, MRL_LIT("node-1"), mrl_buf_bytes(&spki));
    struct mrl_keys_answer a;
    struct mrl_san san;
    enum mrl_san_kind kind;
    mrl_bytes value;

    (void)state;
    q.issue.dns_count = 1;
    q.issue.dns[0] = MRL_LIT("hub.example");
    q.issue.ip_count = 1;
    q.issue.ip[0] = MRL_LIT("\x7f\x00\x00\x01");
    a = ask(&q);
    assert_ok(a.status);
    assert_ok(mrl_cert_from_der(a.bytes, &cert));
    assert_true(mrl_cert_facts(cert)->server_auth && !mrl_cert_facts(cert)->client_auth);
    assert_ok(mrl_san_start(mrl_cert_facts(cert)->san, &san));
    assert_true(mrl_san_next(&san, &kind, &value));
    assert_int_equal(kind, MRL_SAN_DNS);
    assert_bytes_equal(value, MRL_LIT("hub.example"));
    assert_true(mrl_san_next(&san, &kind, &value));
    assert_int_equal(kind, MRL_SAN_IP);
    assert_false(mrl_san_next(&san, &kind, &value));
}

static bool holds(const struct mrl_cert *cert, const char *text)
{
    mrl_bytes der = mrl_cert_facts(cert)->der;

    return memmem(der.data, der.len, text, strlen(text)) != NULL;
}

static struct mrl_cert *issued(enum mrl_keys_kind kind)
{
    MRL_SCOPED(mrl_buf) spki = new_spki(MRL_KEY_P256);
    struct mrl_keys_request q = issue_request(kind, MRL_LIT("someone"), mrl_buf_bytes(&spki));
    struct mrl_cert *cert;
    struct mrl_keys_answer a;

    q.issue.dns_count = kind == MRL_KEYS_SERVER;
    q.issue.dns[0] = MRL_LIT("hub.example");
    a = ask(&q);
    assert_ok(a.status);
    assert_ok(mrl_cert_from_der(a.bytes, &cert));
    return cert;
}

static void certificates_say_where_revocation_is_told(void **state)
{
    static const char url[] = "http://pki.example.org";

    (void)state;
    for (int kind = MRL_KEYS_DEVICE; kind < MRL_KEYS_KIND_END_; kind++) {
        MRL_AUTO(mrl_cert) before = issued((enum mrl_keys_kind)kind);
        char shard[MRL_KEYS_CRL_URL_MAX];

        assert_false(holds(before, "http"));
        (void)mrl_bytes_to_cstr(mrl_str(url), server.policy.limits.revocation_url, sizeof(url));
        MRL_AUTO(mrl_cert) after = issued((enum mrl_keys_kind)kind);
        mrl_bytes serial = mrl_cert_facts(after)->serial;

        bool says = kind != MRL_KEYS_OCSP && kind != MRL_KEYS_CLAIM; /* RFC 6960 4.2.2.2.1 */

        mrl_keys_crl_url(mrl_str(url), mrl_cert_facts(keystore.issuing_cert)->ski,
                         MRL_KEYS_CRL_SHARD, serial.len < MRL_SERIAL_SIZE ? 0 : serial.data[0],
                         shard);
        assert_int_equal(holds(after, shard), says);
        assert_int_equal(holds(after, "http://pki.example.org/ocsp"), says);
        server.policy.limits.revocation_url[0] = '\0';
    }
}

static void a_list_is_signed_step_by_step(void **state)
{
    struct mrl_keys_request q = {.id = 1,
                                 .type = MRL_KEYS_SIGN_CRL,
                                 .crl = {.step = MRL_KEYS_CRL_BEGIN,
                                         .ca = mrl_cert_facts(keystore.issuing_cert)->ski,
                                         .kind = MRL_KEYS_CRL_FULL,
                                         .number = 1,
                                         .this_update = mrl_wall_s(),
                                         .next_update = mrl_wall_s() + 60}};
    struct mrl_keys_answer a = ask(&q);

    (void)state;
    assert_ok(a.status);
    assert_true(a.bytes.len > 0);
    q.crl = (struct mrl_keys_crl){.step = MRL_KEYS_CRL_END};
    a = ask(&q);
    assert_ok(a.status);
    assert_true(a.bytes.len > 0);
    a = ask(&q);
    assert_int_equal(a.status, MRL_ERR_STATE);
}

static void the_keys_of_the_ca_get_no_certificate(void **state)
{
    const struct mrl_key *own[] = {keystore.root, keystore.issuing, keystore.audit};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(own); i++) {
        MRL_SCOPED(mrl_buf) spki = {0};
        struct mrl_keys_request q;

        assert_ok(mrl_key_to_spki(own[i], &spki));
        q = issue_request(MRL_KEYS_DEVICE, MRL_LIT("x"), mrl_buf_bytes(&spki));
        assert_int_equal(ask(&q).status, MRL_ERR_DENIED);
    }
}

static void a_key_that_is_none_is_refused(void **state)
{
    struct mrl_keys_request q = issue_request(MRL_KEYS_DEVICE, MRL_LIT("x"), MRL_LIT("not a key"));
    struct mrl_keys_answer a = ask(&q);

    (void)state;
    assert_int_equal(a.status, MRL_ERR_DENIED);
    assert_true(a.why.len > 0);
}

/* A log of one leaf is its own root; with a second leaf the proof is that leaf. */
static void a_checkpoint_is_signed_as_a_note_of_the_tenant(void **state)
{
    struct mrl_tlog_hash first = {{1}}, second = {{2}}, root;
    struct mrl_keys_request q = {
        .type = MRL_KEYS_SIGN_CHECKPOINT,
        .checkpoint = {.size = 1, .root = mrl_bytes_of(first.bytes, MRL_TLOG_HASH)}};
    struct mrl_keys_answer a = ask(&q);
    MRL_SCOPED(mrl_note_key) key = {0};
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_note parsed;
    struct mrl_checkpoint c;
    char text[MRL_CHECKPOINT_TEXT_MAX];
    mrl_bytes written;

    (void)state;
    assert_ok(a.status);
    assert_ok(mrl_checkpoint_text(&(struct mrl_checkpoint){MRL_LIT("acme/merlon-audit"), 1, first},
                                  text, &written));
    assert_ok(mrl_note_key_make(MRL_LIT("acme/merlon-audit"), MRL_NOTE_ED25519,
                                mrl_bytes_of(keystore.audit_public, MRL_KEYS_AUDIT_KEY_SIZE),
                                &key));
    assert_ok(mrl_buf_append(&note, written));
    assert_ok(mrl_buf_append(&note, MRL_LIT("\n")));
    assert_ok(mrl_note_put_signature(&note, mrl_str(key.name), key.id, a.bytes));
    assert_ok(mrl_checkpoint_open(mrl_buf_bytes(&note), &key, &parsed, &c, NULL));
    assert_int_equal(c.size, 1);
    assert_ok(mrl_tlog_node(&first, &second, &root));
    q.checkpoint = (struct mrl_keys_checkpoint){.old = 1,
                                                .size = 2,
                                                .root = mrl_bytes_of(root.bytes, MRL_TLOG_HASH),
                                                .proof = mrl_bytes_of(first.bytes, MRL_TLOG_HASH)};
    assert_int_equal(ask(&q).status, MRL_ERR_DENIED);
    q.checkpoint.proof = mrl_bytes_of(second.bytes, MRL_TLOG_HASH);
    assert_ok(ask(&q).status);
    q.checkpoint.size = 1;
    assert_int_equal(ask(&q).status, MRL_ERR_DENIED);
}

static void a_wrapped_key_opens_only_unchanged_and_in_its_context(void **state)
{
    uint8_t key[MRL_KEYS_WRAPPED_SIZE] = {9}, sealed[MRL_KEYS_SEALED_MAX];
    struct mrl_keys_request wrap = {.type = MRL_KEYS_WRAP,
                                    .wrap = {MRL_LIT("epoch 1"), mrl_bytes_of(key, sizeof(key))}};
    struct mrl_keys_request unwrap = {.type = MRL_KEYS_UNWRAP};
    struct mrl_keys_answer a = ask(&wrap);

    (void)state;
    assert_ok(a.status);
    assert_true(a.bytes.len <= sizeof(sealed));
    memcpy(sealed, a.bytes.data, a.bytes.len);
    unwrap.unwrap.context = MRL_LIT("epoch 1");
    unwrap.unwrap.sealed = mrl_bytes_of(sealed, a.bytes.len);
    a = ask(&unwrap);
    assert_ok(a.status);
    assert_bytes_equal(a.bytes, mrl_bytes_of(key, sizeof(key)));
    unwrap.unwrap.context = MRL_LIT("epoch 2");
    assert_int_equal(ask(&unwrap).status, MRL_ERR_CRYPTO);
    unwrap.unwrap.context = MRL_LIT("epoch 1");
    for (size_t i = 0; i < unwrap.unwrap.sealed.len; i++) {
        sealed[i] ^= 1;
        assert_int_equal(ask(&unwrap).status, MRL_ERR_CRYPTO);
        sealed[i] ^= 1;
    }
}

static void the_bucket_answers_busy(void **state)
{
    struct mrl_policy before = server.policy;
    MRL_SCOPED(mrl_buf) spki = new_spki(MRL_KEY_P256);
    const struct mrl_keys_request q =
        issue_request(MRL_KEYS_DEVICE, MRL_LIT("x"), mrl_buf_bytes(&spki));

    (void)state;
    server.policy.limits.issue_burst = 1;
    server.policy.limits.issue_rate = 1;
    server.policy.tokens_milli = 1000;
    server.policy.filled_ms = mrl_monotonic_ms();
    assert_ok(ask(&q).status);
    assert_int_equal(ask(&q).status, MRL_ERR_BUSY);
    server.policy = before;
}

static void what_is_no_request_is_counted_and_answered_only_with_an_id(void **state)
{
    static const uint8_t cut[] = {MRL_KEYS_VERSION, MRL_KEYS_ISSUE, 0, 0, 0, 0, 0, 0, 0, 6, 1};
    struct mrl_writer reply = mrl_writer_on(memory, sizeof(memory));
    uint64_t before = server.malformed;
    struct mrl_keys_answer a;

    (void)state;
    assert_true(mrl_keys_handle(&server, mrl_bytes_of(cut, sizeof(cut)), &reply));
    assert_ok(mrl_keys_read_answer(mrl_bytes_of(memory, reply.len), &a));
    assert_int_equal(a.id, 6);
    assert_int_equal(a.status, MRL_ERR_MALFORMED);
    assert_false(mrl_keys_handle(&server, mrl_bytes_sub(mrl_bytes_of(cut, 11), 0, 9), &reply));
    assert_false(mrl_keys_handle(&server, MRL_BYTES_NONE, &reply));
    assert_true(mrl_keys_handle_oversize(&server, mrl_bytes_of(cut, sizeof(cut)), &reply));
    assert_int_equal(server.malformed, before + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_certificate_says_exactly_who_it_is),
        cmocka_unit_test(the_longest_id_is_whole_in_common_name_and_uri),
        cmocka_unit_test(a_server_certificate_has_its_names_and_no_uri),
        cmocka_unit_test(certificates_say_where_revocation_is_told),
        cmocka_unit_test(a_list_is_signed_step_by_step),
        cmocka_unit_test(the_keys_of_the_ca_get_no_certificate),
        cmocka_unit_test(a_key_that_is_none_is_refused),
        cmocka_unit_test(a_checkpoint_is_signed_as_a_note_of_the_tenant),
        cmocka_unit_test(a_wrapped_key_opens_only_unchanged_and_in_its_context),
        cmocka_unit_test(the_bucket_answers_busy),
        cmocka_unit_test(what_is_no_request_is_counted_and_answered_only_with_an_id),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
