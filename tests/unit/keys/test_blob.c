/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/hardware/blob.h"

#include <string.h>

#include "tests/unit/unit.h"

static uint8_t memory[8192];
static uint8_t part[MRL_BLOB_PART_MAX + 1];

static struct mrl_tpm_blob small(void)
{
    return (struct mrl_tpm_blob){.has_pin = true,
                                 .pcrs = {MRL_PCR_SHA256, 1 << 7},
                                 .storage_name = MRL_LIT("s"),
                                 .public_area = MRL_LIT("public"),
                                 .private_area = MRL_LIT("private")};
}

static mrl_bytes written(const struct mrl_tpm_blob *b)
{
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));

    assert_ok(mrl_tpm_blob_write(b, &w));
    return mrl_bytes_of(w.data, w.len);
}

static void what_was_written_is_read(void **state)
{
    const struct mrl_tpm_blob b = small();
    struct mrl_tpm_blob r;

    (void)state;
    assert_ok(mrl_tpm_blob_read(written(&b), &r));
    assert_true(r.has_pin);
    assert_int_equal(r.pcrs.mask, 1 << 7);
    assert_bytes_equal(r.private_area, b.private_area);
    assert_int_equal(r.endorsement_name.len, 0);
}

static void every_cut_and_every_added_byte_is_malformed(void **state)
{
    const struct mrl_tpm_blob b = small();
    const struct mrl_pkcs11_blob p = {MRL_LIT("twelve bytes"), MRL_LIT("ciphertext")};
    mrl_bytes whole = written(&b);
    struct mrl_writer w;
    struct mrl_tpm_blob r;
    struct mrl_pkcs11_blob q;

    (void)state;
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(mrl_tpm_blob_read(mrl_bytes_sub(whole, 0, len), &r), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_tpm_blob_read(mrl_bytes_of(memory, whole.len + 1), &r), MRL_ERR_MALFORMED);
    w = mrl_writer_on(memory, sizeof(memory));
    assert_ok(mrl_pkcs11_blob_write(&p, &w));
    assert_ok(mrl_pkcs11_blob_read(mrl_bytes_of(memory, w.len), &q));
    assert_bytes_equal(q.ciphertext, p.ciphertext);
    for (size_t len = 0; len < w.len; len++)
        assert_int_equal(mrl_pkcs11_blob_read(mrl_bytes_of(memory, len), &q), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_tpm_blob_read(mrl_bytes_of(memory, w.len), &r), MRL_ERR_MALFORMED);
}

static void parts_hold_their_limits(void **state)
{
    struct mrl_tpm_blob b = small(), r;
    struct mrl_pkcs11_blob p = {mrl_bytes_of(part, MRL_BLOB_IV_MAX + 1), MRL_LIT("c")}, q;
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));

    (void)state;
    b.public_area = mrl_bytes_of(part, MRL_BLOB_PART_MAX);
    b.storage_name = mrl_bytes_of(part, MRL_BLOB_NAME_MAX);
    assert_ok(mrl_tpm_blob_read(written(&b), &r));
    b.public_area.len++;
    assert_int_equal(mrl_tpm_blob_read(written(&b), &r), MRL_ERR_MALFORMED);
    b.public_area.len--;
    b.storage_name.len++;
    assert_int_equal(mrl_tpm_blob_read(written(&b), &r), MRL_ERR_MALFORMED);
    assert_ok(mrl_pkcs11_blob_write(&p, &w));
    assert_int_equal(mrl_pkcs11_blob_read(mrl_bytes_of(memory, w.len), &q), MRL_ERR_MALFORMED);
    p.iv.len--;
    w = mrl_writer_on(memory, sizeof(memory));
    assert_ok(mrl_pkcs11_blob_write(&p, &w));
    assert_ok(mrl_pkcs11_blob_read(mrl_bytes_of(memory, w.len), &q));
}

static void impossible_conditions_are_malformed(void **state)
{
    static const struct mrl_pcrs impossible[] = {
        {0, 1}, {MRL_PCR_SHA256, 0}, {4, 1}, {MRL_PCR_SHA256, 1 << 24}, {MRL_PCR_SHA256, 0x1ff}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(impossible); i++) {
        struct mrl_tpm_blob b = small(), r;

        b.pcrs = impossible[i];
        assert_int_equal(mrl_tpm_blob_read(written(&b), &r), MRL_ERR_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(every_cut_and_every_added_byte_is_malformed),
        cmocka_unit_test(parts_hold_their_limits),
        cmocka_unit_test(impossible_conditions_are_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
