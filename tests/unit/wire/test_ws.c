/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ws.h"

#include <string.h>

#include "tests/unit/unit.h"

static mrl_err read_client(mrl_bytes in, struct mrl_ws_frame *f, struct mrl_ws_fault *fault)
{
    return mrl_ws_read_header(in, MRL_WS_FROM_CLIENT, f, fault);
}

static void assert_fault(mrl_bytes in, enum mrl_ws_from from, mrl_err err, unsigned code)
{
    struct mrl_ws_fault fault = {0};
    struct mrl_ws_frame f;

    assert_int_equal(mrl_ws_read_header(in, from, &f, &fault), err);
    assert_int_equal(fault.code, code);
    assert_non_null(fault.text);
}

static void a_masked_frame_is_read_and_its_payload_left_alone(void **state)
{
    struct mrl_ws_fault fault;
    struct mrl_ws_frame f;

    (void)state;
    assert_ok(read_client(MRL_LIT("\x82\x83\x01\x02\x03\x04xyz"), &f, &fault));
    assert_true(f.fin);
    assert_int_equal(f.opcode, MRL_WS_BINARY);
    assert_int_equal(f.length, 3);
    assert_int_equal(f.header_len, 6);
    assert_memory_equal(f.mask, "\x01\x02\x03\x04", 4);
}

static void every_prefix_of_a_header_asks_for_more(void **state)
{
    static const mrl_bytes headers[] = {
        MRL_LIT_INIT("\x02\x85\x01\x02\x03\x04"),
        MRL_LIT_INIT("\x82\xfe\x00\x7e\x01\x02\x03\x04"),
        MRL_LIT_INIT("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\x01\x02\x03\x04"),
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(headers); i++) {
        struct mrl_ws_fault fault;
        struct mrl_ws_frame f;

        for (size_t have = 0; have < headers[i].len; have++)
            assert_int_equal(read_client(mrl_bytes_sub(headers[i], 0, have), &f, &fault),
                             MRL_ERR_AGAIN);
        assert_ok(read_client(headers[i], &f, &fault));
        assert_int_equal(f.header_len, headers[i].len);
    }
}

/* RFC 6455 5.2 */
static void reserved_bits_and_opcodes_are_refused_by_the_first_byte(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        uint8_t byte = (uint8_t)first;
        struct mrl_ws_fault fault = {0};
        struct mrl_ws_frame f;
        unsigned opcode = first & 0xf;
        bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
        bool good = (first & 0x70) == 0 && known && (opcode < 8 || (first & 0x80) != 0);

        assert_int_equal(read_client(mrl_bytes_of(&byte, 1), &f, &fault),
                         good ? MRL_ERR_AGAIN : MRL_ERR_MALFORMED);
        assert_int_equal(fault.code, good ? 0 : MRL_WS_PROTOCOL_ERROR);
    }
}

/* RFC 6455 5.1 */
static void a_client_masks_and_a_server_does_not(void **state)
{
    struct mrl_ws_fault fault;
    struct mrl_ws_frame f;

    (void)state;
    assert_fault(MRL_LIT("\x82\x00"), MRL_WS_FROM_CLIENT, MRL_ERR_MALFORMED, MRL_WS_PROTOCOL_ERROR);
    assert_fault(MRL_LIT("\x82\x80"), MRL_WS_FROM_SERVER, MRL_ERR_MALFORMED, MRL_WS_PROTOCOL_ERROR);
    assert_ok(mrl_ws_read_header(MRL_LIT("\x82\x00"), MRL_WS_FROM_SERVER, &f, &fault));
}

/* RFC 6455 5.5 */
static void a_control_frame_holds_125_bytes_and_not_126(void **state)
{
    struct mrl_ws_fault fault;
    struct mrl_ws_frame f;

    (void)state;
    assert_ok(read_client(MRL_LIT("\x89\xfd\x01\x02\x03\x04"), &f, &fault));
    assert_int_equal(f.length, MRL_WS_CONTROL_MAX);
    assert_fault(MRL_LIT("\x89\xfe"), MRL_WS_FROM_CLIENT, MRL_ERR_MALFORMED, MRL_WS_PROTOCOL_ERROR);
    assert_fault(MRL_LIT("\x88\xff"), MRL_WS_FROM_CLIENT, MRL_ERR_MALFORMED, MRL_WS_PROTOCOL_ERROR);
}

/* RFC 6455 5.2: the minimal number of bytes. */
static void a_length_in_a_longer_form_than_needed_is_refused(void **state)
{
    struct mrl_ws_fault fault;
    struct mrl_ws_frame f;

    (void)state;
    assert_fault(MRL_LIT("\x82\xfe\x00\x7d"), MRL_WS_FROM_CLIENT, MRL_ERR_MALFORMED,
                 MRL_WS_PROTOCOL_ERROR);
    assert_ok(read_client(MRL_LIT("\x82\xfe\x00\x7e\x01\x02\x03\x04"), &f, &fault));
    assert_int_equal(f.length, 126);
    assert_fault(MRL_LIT("\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff"), MRL_WS_FROM_CLIENT,
                 MRL_ERR_MALFORMED, MRL_WS_PROTOCOL_ERROR);
    assert_ok(read_client(MRL_LIT("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00\x01\x02\x03\x04"), &f,
                          &fault));
    assert_int_equal(f.length, 65536);
}

static void a_frame_may_be_as_large_as_the_largest_packet_and_not_larger(void **state)
{
    struct mrl_ws_fault fault;
    struct mrl_ws_frame f;

    (void)state;
    assert_ok(read_client(MRL_LIT("\x82\xff\x00\x00\x00\x00\x10\x00\x00\x04\x01\x02\x03\x04"), &f,
                          &fault));
    assert_int_equal(f.length, MRL_WS_FRAME_MAX);
    assert_fault(MRL_LIT("\x82\xff\x00\x00\x00\x00\x10\x00\x00\x05"), MRL_WS_FROM_CLIENT,
                 MRL_ERR_LIMIT, MRL_WS_TOO_BIG);
    assert_fault(MRL_LIT("\x82\xff\x80\x00\x00\x00\x00\x01\x00\x00"), MRL_WS_FROM_CLIENT,
                 MRL_ERR_MALFORMED, MRL_WS_PROTOCOL_ERROR);
}

static void headers_are_written_in_their_shortest_form(void **state)
{
    static const struct {
        uint64_t length;
        size_t size;
    } cases[] = {{0, 2}, {125, 2}, {126, 4}, {65535, 4}, {65536, 10}, {MRL_WS_FRAME_MAX, 10}};

    (void)state;
    for (size_t i = 0; i < 2 * MRL_COUNT(cases); i++) {
        uint8_t memory[MRL_WS_HEADER_MAX];
        struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
        struct mrl_ws_frame f = {.fin = true,
                                 .opcode = MRL_WS_BINARY,
                                 .length = cases[i / 2].length,
                                 .masked = i % 2 == 1,
                                 .mask = {9, 8, 7, 6}};
        struct mrl_ws_frame back;
        struct mrl_ws_fault fault;
        mrl_bytes header;

        mrl_ws_put_header(&w, &f);
        assert_ok(mrl_writer_end(&w, &header));
        assert_int_equal(header.len, cases[i / 2].size + (f.masked ? MRL_WS_MASK_SIZE : 0));
        assert_ok(mrl_ws_read_header(header, f.masked ? MRL_WS_FROM_CLIENT : MRL_WS_FROM_SERVER,
                                     &back, &fault));
        assert_int_equal(back.length, f.length);
        assert_int_equal(back.header_len, header.len);
    }
}

static void masking_in_pieces_is_masking_at_once(void **state)
{
    static const uint8_t mask[MRL_WS_MASK_SIZE] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t plain[67], once[67], pieces[67];

    (void)state;
    for (size_t i = 0; i < sizeof(plain); i++) {
        plain[i] = (uint8_t)(i * 7);
        once[i] = plain[i] ^ mask[i % 4]; /* RFC 6455 5.3 */
    }
    for (size_t cut = 0; cut <= sizeof(plain); cut++) {
        memcpy(pieces, plain, sizeof(plain));
        mrl_ws_mask(pieces, cut, mask, 0);
        mrl_ws_mask(&pieces[cut], sizeof(plain) - cut, mask, cut);
        assert_memory_equal(pieces, once, sizeof(plain));
    }
}

static void the_example_of_the_standard_is_unmasked(void **state)
{
    uint8_t hello[] = {0x7f, 0x9f, 0x4d, 0x51, 0x58}; /* RFC 6455 5.7 */
    static const uint8_t mask[MRL_WS_MASK_SIZE] = {0x37, 0xfa, 0x21, 0x3d};

    (void)state;
    mrl_ws_mask(hello, sizeof(hello), mask, 0);
    assert_memory_equal(hello, "Hello", 5);
}

/* RFC 6455 7.4 */
static void codes_of_close_that_are_not_for_the_wire_are_refused(void **state)
{
    static const unsigned bad[] = {0,    999,  1004, 1005, 1006, 1015,
                                   1016, 1100, 2000, 2999, 5000, 65535};
    static const unsigned good[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009,
                                    1010, 1011, 1014, 3000, 3999, 4000, 4999};
    struct mrl_ws_fault fault = {0};
    uint16_t code = 0;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        const uint8_t payload[] = {(uint8_t)(bad[i] >> 8), (uint8_t)bad[i]};

        assert_int_equal(mrl_ws_read_close(mrl_bytes_of(payload, 2), &code, &fault),
                         MRL_ERR_MALFORMED);
        assert_int_equal(fault.code, MRL_WS_PROTOCOL_ERROR);
        assert_int_equal(code, 0);
    }
    for (size_t i = 0; i < MRL_COUNT(good); i++) {
        const uint8_t payload[] = {(uint8_t)(good[i] >> 8), (uint8_t)good[i]};

        assert_ok(mrl_ws_read_close(mrl_bytes_of(payload, 2), &code, &fault));
        assert_int_equal(code, good[i]);
    }
}

/* RFC 6455 5.5.1 */
static void close_is_empty_or_holds_a_whole_code_and_utf_8(void **state)
{
    struct mrl_ws_fault fault = {0};
    uint16_t code = 0;

    (void)state;
    assert_ok(mrl_ws_read_close(MRL_BYTES_NONE, &code, &fault));
    assert_int_equal(code, MRL_WS_NO_STATUS);
    assert_int_equal(mrl_ws_read_close(MRL_LIT("\x03"), &code, &fault), MRL_ERR_MALFORMED);
    assert_int_equal(fault.code, MRL_WS_PROTOCOL_ERROR);
    assert_ok(mrl_ws_read_close(MRL_LIT("\x03\xe8"
                                        "f\xc3\xbcr"),
                                &code, &fault));
    assert_int_equal(mrl_ws_read_close(MRL_LIT("\x03\xe8\xed\xa0\x80"), &code, &fault),
                     MRL_ERR_MALFORMED);
    assert_int_equal(fault.code, MRL_WS_INVALID_DATA);
}

static void close_is_written_with_its_code_or_bare(void **state)
{
    uint8_t memory[8];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes written;

    (void)state;
    mrl_ws_put_close(&w, MRL_WS_TOO_BIG);
    mrl_ws_put_close(&w, MRL_WS_NO_STATUS);
    assert_ok(mrl_writer_end(&w, &written));
    assert_bytes_equal(written, MRL_LIT("\x88\x02\x03\xf1\x88\x00"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_masked_frame_is_read_and_its_payload_left_alone),
        cmocka_unit_test(every_prefix_of_a_header_asks_for_more),
        cmocka_unit_test(reserved_bits_and_opcodes_are_refused_by_the_first_byte),
        cmocka_unit_test(a_client_masks_and_a_server_does_not),
        cmocka_unit_test(a_control_frame_holds_125_bytes_and_not_126),
        cmocka_unit_test(a_length_in_a_longer_form_than_needed_is_refused),
        cmocka_unit_test(a_frame_may_be_as_large_as_the_largest_packet_and_not_larger),
        cmocka_unit_test(headers_are_written_in_their_shortest_form),
        cmocka_unit_test(masking_in_pieces_is_masking_at_once),
        cmocka_unit_test(the_example_of_the_standard_is_unmasked),
        cmocka_unit_test(codes_of_close_that_are_not_for_the_wire_are_refused),
        cmocka_unit_test(close_is_empty_or_holds_a_whole_code_and_utf_8),
        cmocka_unit_test(close_is_written_with_its_code_or_bare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
