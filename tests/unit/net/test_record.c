/* SPDX-License-Identifier: Apache-2.0 */
/* The peer here is a hand that can seal anything under the right key. */
#include <string.h>

#include "base/hex.h"
#include "net/record.h"
#include "tests/unit/unit.h"

enum { ALERT = 21, HANDSHAKE = 22, DATA = 23, ROOM = MRL_RECORD_LARGEST + 64 };

struct side {
    struct mrl_record record;
    struct mrl_record_secrets secrets;
};

static void begin(struct side *s, uint16_t suite, uint64_t written)
{
    memset(s, 0, sizeof(*s));
    memset(s->secrets.read.secret, 0x11, sizeof(s->secrets.read.secret));
    memset(s->secrets.write.secret, 0x22, sizeof(s->secrets.write.secret));
    assert_ok(mrl_record_init(&s->record, mrl_record_suite_find(suite), &s->secrets, written));
}

/* The same connection from the other end. */
static void begin_peer(struct side *s, uint16_t suite)
{
    memset(s, 0, sizeof(*s));
    memset(s->secrets.read.secret, 0x22, sizeof(s->secrets.read.secret));
    memset(s->secrets.write.secret, 0x11, sizeof(s->secrets.write.secret));
    assert_ok(mrl_record_init(&s->record, mrl_record_suite_find(suite), &s->secrets, 0));
}

static uint8_t wire[ROOM];

/* A record whose inner plaintext is as given, sealed as the n-th under the peer's keys. */
static size_t seal_inner(struct side *peer, mrl_bytes inner)
{
    const struct mrl_record_keys *k = &peer->secrets.write;
    uint8_t nonce[MRL_RECORD_NONCE];
    size_t len = inner.len + MRL_RECORD_TAG;
    const uint8_t header[] = {DATA, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};

    memcpy(wire, header, sizeof(header));
    if (inner.len > 0)
        memcpy(&wire[5], inner.data, inner.len);
    memcpy(nonce, k->iv, sizeof(nonce));
    nonce[11] ^= (uint8_t)peer->record.write_count;
    nonce[10] ^= (uint8_t)(peer->record.write_count >> 8);
    peer->record.write_count++;
    assert_ok(mrl_record_encrypt(peer->record.suite, k->key, nonce, mrl_bytes_of(wire, 5), &wire[5],
                                 inner.len));
    return 5 + len;
}

static size_t seal(struct side *peer, uint8_t type, mrl_bytes text, size_t padding)
{
    static uint8_t inner[ROOM];

    if (text.len > 0)
        memcpy(inner, text.data, text.len);
    inner[text.len] = type;
    memset(&inner[text.len + 1], 0, padding);
    return seal_inner(peer, mrl_bytes_of(inner, text.len + 1 + padding));
}

static mrl_err open_wire(struct side *s, size_t size, mrl_bytes *text)
{
    size_t measured;

    *text = MRL_BYTES_NONE;
    MRL_TRY(mrl_record_measure(&s->record, mrl_bytes_of(wire, size), &measured));
    assert_int_equal(measured, size);
    return mrl_record_open(&s->record, wire, size, text);
}

static void expect_text(struct side *s, size_t size, mrl_bytes wanted)
{
    mrl_bytes text;

    assert_ok(open_wire(s, size, &text));
    assert_bytes_equal(text, wanted);
}

static void expect_alert(struct side *s, size_t size, uint8_t alert)
{
    mrl_bytes text;

    assert_int_equal(open_wire(s, size, &text), MRL_ERR_MALFORMED);
    assert_int_equal(s->record.alert, alert);
    assert_int_equal(s->record.peer_alert, 0);
}

struct pair {
    struct side us;
    struct side peer;
};

static void begin_pair(struct pair *p)
{
    begin(&p->us, 0x1301, 0);
    begin_peer(&p->peer, 0x1301);
}

/* ---- RFC 8448 3 ---- */

static const char client_secret[] =
    "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
static const char server_secret[] =
    "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
static const char client_data[] =
    "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20"
    "441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
static const char server_data[] =
    "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb50"
    "1a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";
static const char client_alert[] = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
static const char server_alert[] = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

static size_t put_wire(const char *hex)
{
    assert_ok(mrl_unhex(mrl_str(hex), wire, strlen(hex) / 2));
    return strlen(hex) / 2;
}

static void expect_wire(const uint8_t *made, size_t len, const char *hex)
{
    assert_int_equal(len, put_wire(hex));
    assert_memory_equal(made, wire, len);
}

/* The server there sent one ticket before its first data. */
static void the_trace_of_rfc_8448_is_read_and_written(void **state)
{
    uint8_t text[50], made[MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD + sizeof(text)];
    struct side s = {0};
    mrl_bytes nothing;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)i;
    assert_ok(mrl_unhex(mrl_str(client_secret), s.secrets.read.secret, 32));
    assert_ok(mrl_unhex(mrl_str(server_secret), s.secrets.write.secret, 32));
    assert_ok(mrl_record_init(&s.record, mrl_record_suite_find(0x1301), &s.secrets, /*written=*/1));
    expect_text(&s, put_wire(client_data), mrl_bytes_of(text, sizeof(text)));
    assert_ok(mrl_record_write(&s.record, mrl_bytes_of(text, sizeof(text)), made, &len));
    expect_wire(made, len, server_data);
    assert_int_equal(open_wire(&s, put_wire(client_alert), &nothing), MRL_ERR_CLOSED);
    assert_ok(mrl_record_write_alert(&s.record, MRL_ALERT_CLOSE_NOTIFY, made, &len));
    expect_wire(made, len, server_alert);
}

/* ---- data ---- */

static void what_one_end_writes_the_other_reads_in_every_suite(void **state)
{
    static const uint16_t suites[] = {0x1301, 0x1302, 0x1303};
    static const size_t sizes[] = {1, 2, 15, 16, 17, 1000, MRL_RECORD_TEXT - 1, MRL_RECORD_TEXT};
    static uint8_t text[MRL_RECORD_TEXT];
    struct side a, b;
    size_t len;

    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < MRL_COUNT(suites) * MRL_COUNT(sizes); i++) {
        mrl_bytes part = mrl_bytes_of(text, sizes[i % MRL_COUNT(sizes)]);

        if (i % MRL_COUNT(sizes) == 0) {
            begin(&a, suites[i / MRL_COUNT(sizes)], 0);
            begin_peer(&b, suites[i / MRL_COUNT(sizes)]);
        }
        assert_ok(mrl_record_write(&a.record, part, wire, &len));
        assert_int_equal(len, part.len + MRL_RECORD_OVERHEAD);
        expect_text(&b, len, part);
        assert_ok(mrl_record_write(&b.record, part, wire, &len));
        expect_text(&a, len, part);
    }
}

static void padding_is_taken_off(void **state)
{
    struct pair p;

    (void)state;
    begin_pair(&p);
    expect_text(&p.us, seal(&p.peer, DATA, MRL_LIT("a"), 1), MRL_LIT("a"));
    expect_text(&p.us, seal(&p.peer, DATA, MRL_LIT("b\0\0"), 255), MRL_LIT("b\0\0"));
    expect_text(&p.us, seal(&p.peer, DATA, MRL_LIT("c"), MRL_RECORD_TEXT - 1), MRL_LIT("c"));
}

static void records_are_as_large_as_the_limit_and_not_larger(void **state)
{
    static uint8_t text[MRL_RECORD_TEXT + 1];
    struct pair p;

    (void)state;
    begin_pair(&p);
    memset(text, 'x', sizeof(text));
    expect_text(&p.us, seal(&p.peer, DATA, mrl_bytes_of(text, MRL_RECORD_TEXT), 0),
                mrl_bytes_of(text, MRL_RECORD_TEXT));
    /* RFC 8446 5.4: padding counts. */
    expect_alert(&p.us, seal(&p.peer, DATA, mrl_bytes_of(text, MRL_RECORD_TEXT), 1),
                 MRL_ALERT_RECORD_OVERFLOW);
    begin_pair(&p);
    expect_alert(&p.us, seal(&p.peer, DATA, mrl_bytes_of(text, MRL_RECORD_TEXT + 1), 0),
                 MRL_ALERT_RECORD_OVERFLOW);
}

static void expect_header(const char *header, mrl_err wanted, uint8_t alert)
{
    struct side s;
    size_t size;

    begin(&s, 0x1301, 0);
    assert_int_equal(mrl_record_measure(&s.record, mrl_bytes_of(header, 5), &size), wanted);
    assert_int_equal(s.record.alert, alert);
}

static void a_header_that_cannot_be_is_refused_before_its_record_came(void **state)
{
    struct side s;
    size_t size = 0;

    (void)state;
    expect_header("\x17\x03\x03\x41\x00", MRL_OK, 0); /* 2^14 + 256 */
    expect_header("\x17\x03\x03\x41\x01", MRL_ERR_MALFORMED, MRL_ALERT_RECORD_OVERFLOW);
    expect_header("\x17\x03\x03\x00\x10", MRL_OK, 0);
    expect_header("\x17\x03\x03\x00\x0f", MRL_ERR_MALFORMED, MRL_ALERT_BAD_RECORD_MAC);
    expect_header("\x17\x03\x03\x00\x00", MRL_ERR_MALFORMED, MRL_ALERT_BAD_RECORD_MAC);
    expect_header("\x17\x03\x01\x00\x20", MRL_ERR_MALFORMED, MRL_ALERT_DECODE_ERROR);
    expect_header("\x14\x03\x03\x00\x01", MRL_ERR_MALFORMED, MRL_ALERT_UNEXPECTED_MESSAGE);
    expect_header("\x15\x03\x03\x00\x02", MRL_ERR_MALFORMED, MRL_ALERT_UNEXPECTED_MESSAGE);
    expect_header("\x16\x03\x03\x00\x20", MRL_ERR_MALFORMED, MRL_ALERT_UNEXPECTED_MESSAGE);
    begin(&s, 0x1301, 0);
    assert_int_equal(mrl_record_measure(&s.record, MRL_LIT("\x17\x03\x03\x00"), &size),
                     MRL_ERR_AGAIN);
    assert_int_equal(size, MRL_RECORD_HEADER);
}

static void a_record_of_padding_only_is_refused(void **state)
{
    struct pair p;

    (void)state;
    begin_pair(&p);
    expect_alert(&p.us, seal_inner(&p.peer, MRL_LIT("\0\0\0")), MRL_ALERT_UNEXPECTED_MESSAGE);
    begin_pair(&p);
    expect_alert(&p.us, seal_inner(&p.peer, MRL_BYTES_NONE), MRL_ALERT_UNEXPECTED_MESSAGE);
}

static void changed_repeated_and_reordered_records_are_refused(void **state)
{
    static uint8_t copy[64];
    struct pair p;
    size_t size;

    (void)state;
    begin_pair(&p);
    size = seal(&p.peer, DATA, MRL_LIT("once"), 0);
    memcpy(copy, wire, size);
    expect_text(&p.us, size, MRL_LIT("once"));
    memcpy(wire, copy, size);
    expect_alert(&p.us, size, MRL_ALERT_BAD_RECORD_MAC);
    begin_pair(&p);
    (void)seal(&p.peer, DATA, MRL_LIT("lost"), 0);
    expect_alert(&p.us, seal(&p.peer, DATA, MRL_LIT("next"), 0), MRL_ALERT_BAD_RECORD_MAC);
    begin_pair(&p);
    size = seal(&p.peer, DATA, MRL_LIT("x"), 0);
    wire[size - 1] ^= 1;
    expect_alert(&p.us, size, MRL_ALERT_BAD_RECORD_MAC);
}

/* ---- what is not data ---- */

static void other_content_is_refused(void **state)
{
    static const uint8_t types[] = {1, 20, 24, 26, 255};
    struct pair p;

    (void)state;
    for (size_t i = 0; i < sizeof(types); i++) {
        begin_pair(&p);
        expect_alert(&p.us, seal(&p.peer, types[i], MRL_LIT("\1"), 0),
                     MRL_ALERT_UNEXPECTED_MESSAGE);
    }
}

static void records_without_data_come_to_an_end(void **state)
{
    struct pair p;

    (void)state;
    begin_pair(&p);
    for (int i = 0; i < MRL_RECORD_IDLE_MAX; i++)
        expect_text(&p.us, seal(&p.peer, DATA, MRL_BYTES_NONE, 0), MRL_BYTES_NONE);
    expect_text(&p.us, seal(&p.peer, DATA, MRL_LIT("x"), 0), MRL_LIT("x"));
    for (int i = 0; i < MRL_RECORD_IDLE_MAX; i++)
        expect_text(&p.us, seal(&p.peer, DATA, MRL_BYTES_NONE, 3), MRL_BYTES_NONE);
    expect_alert(&p.us, seal(&p.peer, DATA, MRL_BYTES_NONE, 0), MRL_ALERT_UNEXPECTED_MESSAGE);
}

static void close_notify_is_the_end_whatever_its_level(void **state)
{
    struct pair p;
    mrl_bytes text;

    (void)state;
    begin_pair(&p);
    assert_int_equal(open_wire(&p.us, seal(&p.peer, ALERT, MRL_LIT("\1\0"), 0), &text),
                     MRL_ERR_CLOSED);
    begin_pair(&p);
    assert_int_equal(open_wire(&p.us, seal(&p.peer, ALERT, MRL_LIT("\2\0"), 9), &text),
                     MRL_ERR_CLOSED);
}

static void user_canceled_waits_for_close_notify_and_not_for_ever(void **state)
{
    struct pair p;

    (void)state;
    begin_pair(&p);
    for (int i = 0; i < MRL_RECORD_IDLE_MAX; i++)
        expect_text(&p.us, seal(&p.peer, ALERT, MRL_LIT("\1\x5a"), 0), MRL_BYTES_NONE);
    expect_alert(&p.us, seal(&p.peer, ALERT, MRL_LIT("\1\x5a"), 0), MRL_ALERT_UNEXPECTED_MESSAGE);
}

static void every_other_alert_is_fatal_and_is_told(void **state)
{
    struct pair p;
    mrl_bytes text;

    (void)state;
    for (unsigned alert = 1; alert < 256; alert++) {
        uint8_t message[] = {(uint8_t)(1 + alert % 2), (uint8_t)alert};

        if (alert == MRL_ALERT_USER_CANCELED)
            continue;
        begin_pair(&p);
        assert_int_equal(open_wire(&p.us, seal(&p.peer, ALERT, mrl_bytes_of(message, 2), 0), &text),
                         MRL_ERR_MALFORMED);
        assert_int_equal(p.us.record.peer_alert, alert);
        assert_int_equal(p.us.record.alert, 0); /* nothing to answer */
    }
}

static void an_alert_that_is_none_is_refused(void **state)
{
    struct pair p;

    (void)state;
    begin_pair(&p);
    expect_alert(&p.us, seal(&p.peer, ALERT, MRL_BYTES_NONE, 0), MRL_ALERT_UNEXPECTED_MESSAGE);
    begin_pair(&p);
    expect_alert(&p.us, seal(&p.peer, ALERT, MRL_LIT("\1"), 0), MRL_ALERT_DECODE_ERROR);
    begin_pair(&p);
    expect_alert(&p.us, seal(&p.peer, ALERT, MRL_LIT("\1\0\1\0"), 0), MRL_ALERT_DECODE_ERROR);
}

/* ---- KeyUpdate ---- */

static const mrl_bytes update = MRL_LIT_INIT("\x18\0\0\1\0");
static const mrl_bytes update_asked = MRL_LIT_INIT("\x18\0\0\1\1");

/* The peer's own next generation, as mrl_expand_label makes it. */
static void turn(struct side *s, struct mrl_record_keys *k)
{
    size_t size = mrl_label_hash_size(s->record.suite->hash);
    enum mrl_label_hash hash = s->record.suite->hash;
    mrl_bytes secret = mrl_bytes_of(k->secret, size);

    assert_ok(
        mrl_expand_label(hash, secret, MRL_LIT("traffic upd"), MRL_BYTES_NONE, k->secret, size));
    assert_ok(mrl_expand_label(hash, secret, MRL_LIT("key"), MRL_BYTES_NONE, k->key,
                               s->record.suite->key_size));
    assert_ok(mrl_expand_label(hash, secret, MRL_LIT("iv"), MRL_BYTES_NONE, k->iv, sizeof(k->iv)));
}

static void peer_updates(struct pair *p, mrl_bytes message)
{
    expect_text(&p->us, seal(&p->peer, HANDSHAKE, message, 0), MRL_BYTES_NONE);
    turn(&p->peer, &p->peer.secrets.write);
    p->peer.record.write_count = 0;
}

static void the_peer_may_change_its_key(void **state)
{
    struct pair p;
    size_t len;

    (void)state;
    begin_pair(&p);
    for (int i = 0; i < 40; i++) { /* data between: no limit */
        expect_text(&p.us, seal(&p.peer, DATA, MRL_LIT("old"), 0), MRL_LIT("old"));
        peer_updates(&p, update);
        expect_text(&p.us, seal(&p.peer, DATA, MRL_LIT("new"), 0), MRL_LIT("new"));
    }
    assert_ok(mrl_record_write(&p.us.record, MRL_LIT("x"), wire, &len));
    assert_int_equal(len, MRL_RECORD_OVERHEAD + 1); /* nobody asked for ours */
}

static void a_request_is_answered_once_before_the_next_data(void **state)
{
    static uint8_t made[128];
    struct pair p;
    size_t len;

    (void)state;
    begin_pair(&p);
    peer_updates(&p, update_asked);
    peer_updates(&p, update_asked);
    peer_updates(&p, update);
    assert_ok(mrl_record_write(&p.us.record, MRL_LIT("x"), made, &len));
    assert_int_equal(len, MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD + 1);
    memcpy(wire, made, MRL_RECORD_UPDATE);
    expect_text(&p.peer, MRL_RECORD_UPDATE, MRL_BYTES_NONE);
    assert_false(p.peer.record.owes_update); /* ours asks for none */
    memcpy(wire, &made[MRL_RECORD_UPDATE], MRL_RECORD_OVERHEAD + 1);
    expect_text(&p.peer, MRL_RECORD_OVERHEAD + 1, MRL_LIT("x"));
    assert_ok(mrl_record_write(&p.us.record, MRL_LIT("y"), wire, &len));
    expect_text(&p.peer, len, MRL_LIT("y"));
}

static void updates_without_data_come_to_an_end(void **state)
{
    struct pair p;

    (void)state;
    begin_pair(&p);
    for (int i = 0; i < MRL_RECORD_IDLE_MAX; i++)
        peer_updates(&p, update_asked);
    expect_alert(&p.us, seal(&p.peer, HANDSHAKE, update_asked, 0), MRL_ALERT_UNEXPECTED_MESSAGE);
}

static void an_update_may_come_in_pieces(void **state)
{
    struct pair p;

    (void)state;
    begin_pair(&p);
    expect_text(&p.us, seal(&p.peer, HANDSHAKE, MRL_LIT("\x18\0"), 0), MRL_BYTES_NONE);
    expect_text(&p.us, seal(&p.peer, HANDSHAKE, MRL_LIT("\0"), 0), MRL_BYTES_NONE);
    peer_updates(&p, MRL_LIT("\1\1"));
    assert_true(p.us.record.owes_update);
    expect_text(&p.us, seal(&p.peer, DATA, MRL_LIT("new"), 0), MRL_LIT("new"));
}

/* RFC 8446 5.1 */
static void pieces_of_a_message_are_not_interleaved_with_anything(void **state)
{
    static const uint8_t types[] = {DATA, ALERT};
    struct pair p;

    (void)state;
    for (size_t i = 0; i < sizeof(types); i++) {
        begin_pair(&p);
        expect_text(&p.us, seal(&p.peer, HANDSHAKE, MRL_LIT("\x18\0"), 0), MRL_BYTES_NONE);
        expect_alert(&p.us, seal(&p.peer, types[i], MRL_LIT("\1\0"), 0),
                     MRL_ALERT_UNEXPECTED_MESSAGE);
    }
}

static void refuse_message(mrl_bytes message, uint8_t alert)
{
    struct pair p;

    begin_pair(&p);
    expect_alert(&p.us, seal(&p.peer, HANDSHAKE, message, 0), alert);
}

static void other_handshake_messages_are_refused(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        uint8_t message[] = {(uint8_t)type, 0, 0, 1, 0};

        if (type != 24)
            refuse_message(mrl_bytes_of(message, sizeof(message)), MRL_ALERT_UNEXPECTED_MESSAGE);
    }
    refuse_message(MRL_BYTES_NONE, MRL_ALERT_UNEXPECTED_MESSAGE);
    refuse_message(MRL_LIT("\x18\0\0\1\2"), MRL_ALERT_ILLEGAL_PARAMETER);
    refuse_message(MRL_LIT("\x18\0\0\0"), MRL_ALERT_DECODE_ERROR);
    refuse_message(MRL_LIT("\x18\0\0\2\0\0"), MRL_ALERT_DECODE_ERROR);
    refuse_message(MRL_LIT("\x18\1\0\1\0"), MRL_ALERT_DECODE_ERROR);
    refuse_message(MRL_LIT("\x18\0\0\1\0\x18\0\0\1\0"), MRL_ALERT_UNEXPECTED_MESSAGE);
    refuse_message(MRL_LIT("\x18\0\0\1\0x"), MRL_ALERT_UNEXPECTED_MESSAGE);
}

/* ---- our own key ---- */

static void a_key_is_changed_before_it_was_used_too_often(void **state)
{
    static uint8_t made[128];
    struct side a, b;
    size_t len;

    (void)state;
    begin(&a, 0x1303, MRL_RECORD_KEY_MAX_USES - 2);
    begin_peer(&b, 0x1303);
    b.record.read_count = MRL_RECORD_KEY_MAX_USES - 2;
    assert_ok(mrl_record_write(&a.record, MRL_LIT("last"), wire, &len));
    assert_int_equal(len, MRL_RECORD_OVERHEAD + 4);
    expect_text(&b, len, MRL_LIT("last"));
    assert_ok(mrl_record_write(&a.record, MRL_LIT("first"), made, &len));
    assert_int_equal(len, MRL_RECORD_UPDATE + MRL_RECORD_OVERHEAD + 5);
    assert_int_equal(a.record.write_count, 1);
    memcpy(wire, made, len);
    expect_text(&b, MRL_RECORD_UPDATE, MRL_BYTES_NONE); /* the 2^24th under the old key */
    memcpy(wire, &made[MRL_RECORD_UPDATE], len - MRL_RECORD_UPDATE);
    expect_text(&b, len - MRL_RECORD_UPDATE, MRL_LIT("first"));
}

static void no_more_text_than_fits_a_record_is_written(void **state)
{
    static uint8_t text[MRL_RECORD_TEXT + 1], made[ROOM + MRL_RECORD_UPDATE];
    struct side s;
    size_t len;

    (void)state;
    begin(&s, 0x1301, 0);
    assert_int_equal(mrl_record_write(&s.record, mrl_bytes_of(text, sizeof(text)), made, &len),
                     MRL_ERR_INVALID);
    assert_int_equal(s.record.write_count, 0);
    assert_ok(mrl_record_write(&s.record, mrl_bytes_of(text, MRL_RECORD_TEXT), made, &len));
}

static void an_alert_of_ours_is_read_by_the_peer(void **state)
{
    struct pair p;
    mrl_bytes text;
    size_t len;

    (void)state;
    begin_pair(&p);
    assert_ok(mrl_record_write_alert(&p.us.record, MRL_ALERT_BAD_RECORD_MAC, wire, &len));
    assert_int_equal(len, MRL_RECORD_ALERT);
    assert_int_equal(open_wire(&p.peer, len, &text), MRL_ERR_MALFORMED);
    assert_int_equal(p.peer.record.peer_alert, MRL_ALERT_BAD_RECORD_MAC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_trace_of_rfc_8448_is_read_and_written),
        cmocka_unit_test(what_one_end_writes_the_other_reads_in_every_suite),
        cmocka_unit_test(padding_is_taken_off),
        cmocka_unit_test(records_are_as_large_as_the_limit_and_not_larger),
        cmocka_unit_test(a_header_that_cannot_be_is_refused_before_its_record_came),
        cmocka_unit_test(a_record_of_padding_only_is_refused),
        cmocka_unit_test(changed_repeated_and_reordered_records_are_refused),
        cmocka_unit_test(other_content_is_refused),
        cmocka_unit_test(records_without_data_come_to_an_end),
        cmocka_unit_test(close_notify_is_the_end_whatever_its_level),
        cmocka_unit_test(user_canceled_waits_for_close_notify_and_not_for_ever),
        cmocka_unit_test(every_other_alert_is_fatal_and_is_told),
        cmocka_unit_test(an_alert_that_is_none_is_refused),
        cmocka_unit_test(the_peer_may_change_its_key),
        cmocka_unit_test(a_request_is_answered_once_before_the_next_data),
        cmocka_unit_test(updates_without_data_come_to_an_end),
        cmocka_unit_test(an_update_may_come_in_pieces),
        cmocka_unit_test(pieces_of_a_message_are_not_interleaved_with_anything),
        cmocka_unit_test(other_handshake_messages_are_refused),
        cmocka_unit_test(a_key_is_changed_before_it_was_used_too_often),
        cmocka_unit_test(no_more_text_than_fits_a_record_is_written),
        cmocka_unit_test(an_alert_of_ours_is_read_by_the_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
