/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/message.h"

#include <string.h>

#include "tests/unit/unit.h"

static const uint8_t hash[MRL_KEYS_HASH_SIZE] = {1, 2, 3};
static const uint8_t address[16] = {127, 0, 0, 1};

static mrl_bytes written(const struct mrl_keys_request *q, uint8_t *memory, size_t cap)
{
    struct mrl_writer w = mrl_writer_on(memory, cap);

    assert_ok(mrl_keys_write_request(q, &w));
    return mrl_bytes_of(w.data, w.len);
}

/* One of each type, with every field in use. */
enum { REQUESTS = 9 };

static size_t make_requests(struct mrl_keys_request *q)
{
    mrl_bytes some_hash = mrl_bytes_of(hash, sizeof(hash));

    q[0] = (struct mrl_keys_request){.id = 1, .type = MRL_KEYS_PING};
    q[1] = (struct mrl_keys_request){.id = 2, .type = MRL_KEYS_INFO};
    q[2] = (struct mrl_keys_request){
        .id = UINT64_MAX,
        .type = MRL_KEYS_ISSUE,
        .issue = {.kind = MRL_KEYS_SERVER,
                  .id = MRL_LIT("node-1"),
                  .spki = MRL_LIT("spki"),
                  .not_before = 1,
                  .not_after = INT64_MAX,
                  .dns_count = 2,
                  .dns = {MRL_LIT("a.example"), MRL_LIT("b.example")},
                  .ip_count = 2,
                  .ip = {mrl_bytes_of(address, 4), mrl_bytes_of(address, 16)}}};
    q[3] = (struct mrl_keys_request){
        .id = 3,
        .type = MRL_KEYS_SIGN_CHECKPOINT,
        .checkpoint = {
            .old = 5, .size = 9, .root = some_hash, .proof = some_hash, .note = MRL_LIT("note")}};
    q[4] = (struct mrl_keys_request){
        .id = 4, .type = MRL_KEYS_WRAP, .wrap = {MRL_LIT("context"), some_hash}};
    q[5] = (struct mrl_keys_request){
        .id = 5, .type = MRL_KEYS_UNWRAP, .unwrap = {MRL_LIT("context"), MRL_LIT("sealed")}};
    q[6] = (struct mrl_keys_request){.id = 6,
                                     .type = MRL_KEYS_SIGN_CRL,
                                     .crl = {.step = MRL_KEYS_CRL_BEGIN,
                                             .ca = some_hash,
                                             .kind = MRL_KEYS_CRL_SHARD,
                                             .shard = 255,
                                             .number = UINT64_MAX,
                                             .base = 7,
                                             .this_update = 1,
                                             .next_update = INT64_MAX,
                                             .entries_len = UINT64_MAX}};
    q[7] =
        (struct mrl_keys_request){.id = 7,
                                  .type = MRL_KEYS_SIGN_CRL,
                                  .crl = {.step = MRL_KEYS_CRL_ADD, .entries = MRL_LIT("entries")}};
    q[8] = (struct mrl_keys_request){
        .id = 8, .type = MRL_KEYS_SIGN_CRL, .crl = {.step = MRL_KEYS_CRL_END}};
    return REQUESTS;
}

static void every_request_reads_back_as_it_was_written(void **state)
{
    struct mrl_keys_request q[REQUESTS];
    size_t count = make_requests(q);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        uint8_t first[512], second[512];
        mrl_bytes message = written(&q[i], first, sizeof(first));
        struct mrl_keys_request read;

        assert_ok(mrl_keys_read_request(message, &read));
        assert_int_equal(read.id, q[i].id);
        assert_int_equal(read.type, q[i].type);
        assert_bytes_equal(written(&read, second, sizeof(second)), message);
    }
}

static void fields_of_an_issue_request_arrive(void **state)
{
    struct mrl_keys_request q[REQUESTS], read;
    uint8_t memory[512];

    (void)state;
    (void)make_requests(q);
    assert_ok(mrl_keys_read_request(written(&q[2], memory, sizeof(memory)), &read));
    assert_int_equal(read.issue.kind, MRL_KEYS_SERVER);
    assert_bytes_equal(read.issue.id, MRL_LIT("node-1"));
    assert_bytes_equal(read.issue.spki, MRL_LIT("spki"));
    assert_int_equal(read.issue.not_before, 1);
    assert_int_equal(read.issue.not_after, INT64_MAX);
    assert_int_equal(read.issue.dns_count, 2);
    assert_bytes_equal(read.issue.dns[1], MRL_LIT("b.example"));
    assert_int_equal(read.issue.ip_count, 2);
    assert_int_equal(read.issue.ip[1].len, 16);
}

static void a_request_cut_anywhere_is_malformed_and_leaves_the_result_alone(void **state)
{
    struct mrl_keys_request q[REQUESTS];
    size_t count = make_requests(q);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        uint8_t memory[512];
        mrl_bytes message = written(&q[i], memory, sizeof(memory));
        struct mrl_keys_request read = {.id = 4711};

        for (size_t len = 0; len < message.len; len++)
            assert_int_equal(mrl_keys_read_request(mrl_bytes_sub(message, 0, len), &read),
                             MRL_ERR_MALFORMED);
        assert_int_equal(read.id, 4711);
    }
}

static void a_trailing_byte_is_malformed(void **state)
{
    struct mrl_keys_request q[REQUESTS], read;
    size_t count = make_requests(q);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        uint8_t memory[512];
        mrl_bytes message = written(&q[i], memory, sizeof(memory));

        memory[message.len] = 0;
        message.len++;
        assert_int_equal(mrl_keys_read_request(message, &read), MRL_ERR_MALFORMED);
    }
}

static void a_step_or_a_kind_of_list_that_is_none_is_malformed(void **state)
{
    struct mrl_keys_request q[REQUESTS], read;
    uint8_t memory[512];
    mrl_bytes message;

    (void)state;
    (void)make_requests(q);
    message = written(&q[6], memory, sizeof(memory));
    assert_ok(mrl_keys_read_request(message, &read));
    memory[10] = MRL_KEYS_CRL_STEP_END_;
    assert_int_equal(mrl_keys_read_request(message, &read), MRL_ERR_MALFORMED);
    memory[10] = 0;
    assert_int_equal(mrl_keys_read_request(message, &read), MRL_ERR_MALFORMED);
    q[6].crl.kind = MRL_KEYS_CRL_KIND_END_;
    assert_int_equal(mrl_keys_read_request(written(&q[6], memory, sizeof(memory)), &read),
                     MRL_ERR_MALFORMED);
    q[6].crl.kind = (enum mrl_keys_crl_kind)0;
    assert_int_equal(mrl_keys_read_request(written(&q[6], memory, sizeof(memory)), &read),
                     MRL_ERR_MALFORMED);
}

static void entries_of_one_step_are_bounded(void **state)
{
    static uint8_t entries[MRL_KEYS_CRL_ENTRIES_MAX + 1], memory[MRL_KEYS_MESSAGE_MAX];
    struct mrl_keys_request q = {.type = MRL_KEYS_SIGN_CRL, .crl.step = MRL_KEYS_CRL_ADD}, read;

    (void)state;
    q.crl.entries = mrl_bytes_of(entries, MRL_KEYS_CRL_ENTRIES_MAX);
    assert_ok(mrl_keys_read_request(written(&q, memory, sizeof(memory)), &read));
    q.crl.entries.len++;
    assert_int_equal(mrl_keys_read_request(written(&q, memory, sizeof(memory)), &read),
                     MRL_ERR_MALFORMED);
    q.crl.entries.len = 0;
    assert_int_equal(mrl_keys_read_request(written(&q, memory, sizeof(memory)), &read),
                     MRL_ERR_MALFORMED);
}

static void another_version_or_an_unknown_type_is_malformed(void **state)
{
    uint8_t ping[] = {MRL_KEYS_VERSION, MRL_KEYS_PING, 0, 0, 0, 0, 0, 0, 0, 9};
    mrl_bytes message = mrl_bytes_of(ping, sizeof(ping));
    struct mrl_keys_request q;
    uint64_t id;
    uint8_t type;

    (void)state;
    assert_ok(mrl_keys_read_request(message, &q));
    for (unsigned other = 0; other < 256; other++) {
        ping[1] = (uint8_t)other;
        assert_int_equal(mrl_keys_read_request(message, &q) == MRL_ERR_MALFORMED,
                         other != MRL_KEYS_PING && other != MRL_KEYS_INFO);
    }
    assert_true(mrl_keys_peek(message, &type, &id));
    assert_int_equal(id, 9);
    ping[0] = MRL_KEYS_VERSION + 1;
    ping[1] = MRL_KEYS_PING;
    assert_int_equal(mrl_keys_read_request(message, &q), MRL_ERR_MALFORMED);
    assert_false(mrl_keys_peek(message, &type, &id));
}

static mrl_err read_issue(const struct mrl_keys_issue *issue)
{
    static uint8_t memory[MRL_KEYS_MESSAGE_MAX];
    const struct mrl_keys_request q = {.type = MRL_KEYS_ISSUE, .issue = *issue};
    struct mrl_keys_request read;

    return mrl_keys_read_request(written(&q, memory, sizeof(memory)), &read);
}

static void sizes_hold_at_the_limit_and_not_one_above(void **state)
{
    static const uint8_t many[MRL_KEYS_SPKI_MAX + 1];
    struct mrl_keys_issue i = {.kind = MRL_KEYS_DEVICE,
                               .id = mrl_bytes_of(many, MRL_KEYS_ID_MAX),
                               .spki = mrl_bytes_of(many, MRL_KEYS_SPKI_MAX),
                               .dns_count = MRL_KEYS_NAMES_MAX,
                               .ip_count = 1,
                               .ip = {mrl_bytes_of(many, 4)}};

    (void)state;
    for (size_t n = 0; n < MRL_KEYS_NAMES_MAX; n++)
        i.dns[n] = mrl_bytes_of(many, MRL_KEYS_DNS_MAX);
    assert_ok(read_issue(&i));
    i.id.len++;
    assert_int_equal(read_issue(&i), MRL_ERR_MALFORMED);
    i.id.len = 0;
    assert_int_equal(read_issue(&i), MRL_ERR_MALFORMED);
    i.id.len = 1;
    i.spki.len++;
    assert_int_equal(read_issue(&i), MRL_ERR_MALFORMED);
    i.spki.len--;
    i.dns[3].len++;
    assert_int_equal(read_issue(&i), MRL_ERR_MALFORMED);
    i.dns[3].len--;
    i.ip[0].len = 5;
    assert_int_equal(read_issue(&i), MRL_ERR_MALFORMED);
    i.ip[0].len = 16;
    assert_ok(read_issue(&i));
}

static void more_names_than_allowed_are_neither_written_nor_read(void **state)
{
    struct mrl_keys_request q = {.type = MRL_KEYS_ISSUE,
                                 .issue = {.kind = MRL_KEYS_SERVER,
                                           .id = MRL_LIT("n"),
                                           .spki = MRL_LIT("s"),
                                           .dns_count = MRL_KEYS_NAMES_MAX + 1}};
    uint8_t memory[256];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes message;

    (void)state;
    assert_int_equal(mrl_keys_write_request(&q, &w), MRL_ERR_NO_SPACE);
    q.issue.dns_count = 0;
    message = written(&q, memory, sizeof(memory));
    memory[message.len - 1] = MRL_KEYS_NAMES_MAX + 1; /* the count of addresses is the last byte */
    assert_int_equal(mrl_keys_read_request(message, &q), MRL_ERR_MALFORMED);
}

static mrl_err read_checkpoint(const struct mrl_keys_checkpoint *c, struct mrl_keys_request *read)
{
    static uint8_t memory[MRL_KEYS_MESSAGE_MAX];
    const struct mrl_keys_request q = {.type = MRL_KEYS_SIGN_CHECKPOINT, .checkpoint = *c};

    return mrl_keys_read_request(written(&q, memory, sizeof(memory)), read);
}

static void a_checkpoint_has_bounded_parts(void **state)
{
    static const uint8_t many[MRL_KEYS_NOTE_MAX + 1];
    const size_t proof_max = (size_t)MRL_KEYS_PROOF_MAX * MRL_KEYS_HASH_SIZE;
    struct mrl_keys_checkpoint c = {.old = UINT64_MAX,
                                    .size = 3,
                                    .root = mrl_bytes_of(many, MRL_KEYS_HASH_SIZE),
                                    .proof = mrl_bytes_of(many, proof_max),
                                    .note = mrl_bytes_of(many, MRL_KEYS_NOTE_MAX)};
    struct mrl_keys_request read;

    (void)state;
    assert_ok(read_checkpoint(&c, &read));
    assert_int_equal(read.checkpoint.old, UINT64_MAX);
    assert_int_equal(read.checkpoint.size, 3);
    assert_int_equal(read.checkpoint.proof.len, proof_max);
    assert_int_equal(read.checkpoint.note.len, MRL_KEYS_NOTE_MAX);
    c.note.len++;
    assert_int_equal(read_checkpoint(&c, &read), MRL_ERR_MALFORMED);
    c.note.len = 0;
    c.proof.len += MRL_KEYS_HASH_SIZE;
    assert_int_equal(read_checkpoint(&c, &read), MRL_ERR_MALFORMED);
    c.proof.len = MRL_KEYS_HASH_SIZE - 1;
    assert_int_equal(read_checkpoint(&c, &read), MRL_ERR_MALFORMED);
    c.proof.len = 0;
    assert_ok(read_checkpoint(&c, &read));
    c.root.len--;
    assert_int_equal(read_checkpoint(&c, &read), MRL_ERR_MALFORMED);
}

static void a_time_before_1970_or_a_kind_unknown_is_malformed(void **state)
{
    struct mrl_keys_issue i = {
        .kind = MRL_KEYS_DEVICE, .id = MRL_LIT("d"), .spki = MRL_LIT("s"), .not_before = -1};

    (void)state;
    assert_int_equal(read_issue(&i), MRL_ERR_MALFORMED);
    i.not_before = 0;
    assert_ok(read_issue(&i));
    i.kind = MRL_KEYS_KIND_END_;
    assert_int_equal(read_issue(&i), MRL_ERR_MALFORMED);
    i.kind = (enum mrl_keys_kind)0;
    assert_int_equal(read_issue(&i), MRL_ERR_MALFORMED);
}

static void facts_survive_the_way_and_every_cut_is_seen(void **state)
{
    struct mrl_keys_answer a = {.id = 8, .type = MRL_KEYS_INFO};
    struct mrl_keys_answer read = {.id = 4711};
    uint8_t memory[512];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));

    (void)state;
    a.facts = (struct mrl_keys_facts){.root_cert = MRL_LIT("root"),
                                      .issuing_cert = MRL_LIT("issuing"),
                                      .audit_key = mrl_bytes_of(hash, sizeof(hash)),
                                      .tenant = MRL_LIT("acme"),
                                      .landlock_abi = 7,
                                      .root_exported = true,
                                      .served = 1,
                                      .refused = 2,
                                      .malformed = 3};
    assert_ok(mrl_keys_write_answer(&a, &w));
    for (size_t len = 0; len < w.len; len++)
        assert_int_equal(mrl_keys_read_answer(mrl_bytes_of(memory, len), &read), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_keys_read_answer(mrl_bytes_of(memory, w.len + 1), &read),
                     MRL_ERR_MALFORMED);
    assert_int_equal(read.id, 4711);
    assert_ok(mrl_keys_read_answer(mrl_bytes_of(memory, w.len), &read));
    assert_bytes_equal(read.facts.issuing_cert, MRL_LIT("issuing"));
    assert_bytes_equal(read.facts.tenant, MRL_LIT("acme"));
    assert_int_equal(read.facts.landlock_abi, 7);
    assert_true(read.facts.root_exported);
    assert_int_equal(read.facts.malformed, 3);
}

static void a_refusal_carries_its_class_and_sentence(void **state)
{
    static const mrl_err classes[] = {
        MRL_ERR_MALFORMED, MRL_ERR_LIMIT, MRL_ERR_DENIED, MRL_ERR_INVALID, MRL_ERR_BUSY,
        MRL_ERR_STATE,     MRL_ERR_IO,    MRL_ERR_CRYPTO, MRL_ERR_CORRUPT, MRL_ERR_NO_SPACE};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(classes); i++) {
        struct mrl_keys_answer a = {
            .id = i, .type = MRL_KEYS_ISSUE, .status = classes[i], .why = MRL_LIT("because")};
        struct mrl_keys_answer read;
        uint8_t memory[64];
        struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));

        assert_ok(mrl_keys_write_answer(&a, &w));
        assert_ok(mrl_keys_read_answer(mrl_bytes_of(memory, w.len), &read));
        assert_int_equal(read.status, classes[i]);
        assert_bytes_equal(read.why, MRL_LIT("because"));
    }
}

static void a_status_from_the_future_is_malformed(void **state)
{
    uint8_t message[] = {
        MRL_KEYS_VERSION, MRL_KEYS_PING | MRL_KEYS_REPLY, 0, 0, 0, 0, 0, 0, 0, 1, 200, 0, 0};
    struct mrl_keys_answer a;

    (void)state;
    assert_int_equal(mrl_keys_read_answer(mrl_bytes_of(message, sizeof(message)), &a),
                     MRL_ERR_MALFORMED);
    message[10] = 1;
    assert_ok(mrl_keys_read_answer(mrl_bytes_of(message, sizeof(message)), &a));
    message[1] = MRL_KEYS_PING; /* a request is no answer */
    assert_int_equal(mrl_keys_read_answer(mrl_bytes_of(message, sizeof(message)), &a),
                     MRL_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_reads_back_as_it_was_written),
        cmocka_unit_test(fields_of_an_issue_request_arrive),
        cmocka_unit_test(a_request_cut_anywhere_is_malformed_and_leaves_the_result_alone),
        cmocka_unit_test(a_trailing_byte_is_malformed),
        cmocka_unit_test(a_step_or_a_kind_of_list_that_is_none_is_malformed),
        cmocka_unit_test(entries_of_one_step_are_bounded),
        cmocka_unit_test(another_version_or_an_unknown_type_is_malformed),
        cmocka_unit_test(sizes_hold_at_the_limit_and_not_one_above),
        cmocka_unit_test(more_names_than_allowed_are_neither_written_nor_read),
        cmocka_unit_test(a_checkpoint_has_bounded_parts),
        cmocka_unit_test(a_time_before_1970_or_a_kind_unknown_is_malformed),
        cmocka_unit_test(facts_survive_the_way_and_every_cut_is_seen),
        cmocka_unit_test(a_refusal_carries_its_class_and_sentence),
        cmocka_unit_test(a_status_from_the_future_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
