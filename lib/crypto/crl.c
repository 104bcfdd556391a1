/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crl.h"

#include "crypto/algorithm.h"
#include "crypto/extension.h"
#include "crypto/oid.h"

static const struct {
    mrl_bytes name, spoken;
    enum mrl_crl_reason reason;
} reasons[] = {
    {MRL_LIT_INIT("keycompromise"), MRL_LIT_INIT("key compromise"), MRL_CRL_KEY_COMPROMISE},
    {MRL_LIT_INIT("affiliationchanged"), MRL_LIT_INIT("affiliation changed"),
     MRL_CRL_AFFILIATION_CHANGED},
    {MRL_LIT_INIT("superseded"), MRL_LIT_INIT("superseded"), MRL_CRL_SUPERSEDED},
    {MRL_LIT_INIT("cessationofoperation"), MRL_LIT_INIT("cessation of operation"),
     MRL_CRL_CESSATION_OF_OPERATION},
    {MRL_LIT_INIT("privilegewithdrawn"), MRL_LIT_INIT("privilege withdrawn"),
     MRL_CRL_PRIVILEGE_WITHDRAWN},
};

static bool begins(mrl_bytes text, mrl_bytes with)
{
    return mrl_bytes_eq_nocase(mrl_bytes_sub(text, 0, with.len), with);
}

enum mrl_crl_reason mrl_crl_reason_of(mrl_bytes text)
{
    for (size_t i = 0; i < MRL_COUNT(reasons); i++)
        if (begins(text, reasons[i].name) || begins(text, reasons[i].spoken))
            return reasons[i].reason;
    return MRL_CRL_UNSPECIFIED;
}

static void put_u64(struct mrl_der *d, uint64_t value)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(value >> (56 - 8 * i));
    mrl_der_unsigned(d, mrl_bytes_of(bytes, sizeof(bytes)));
}

/* distributionPoint [0] { fullName [0] { URI } } */
static void put_full_name(struct mrl_der *d, mrl_bytes url)
{
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_put(d, MRL_DER_CONTEXT(6), url);
    mrl_der_end(d);
    mrl_der_end(d);
}

void mrl_crl_point_write(struct mrl_der *d, mrl_bytes url)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    put_full_name(d, url);
    mrl_der_end(d);
}

/* RFC 5280 5.2.1, 5.2.3 */
static void put_identity(struct mrl_der *d, const struct mrl_crl_plan *plan)
{
    mrl_extension_begin(d, MRL_LIT(MRL_OID_AUTHORITY_KEY_ID), /*critical=*/false);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_CONTEXT(0), plan->aki);
    mrl_der_end(d);
    mrl_extension_end(d);
    mrl_extension_begin(d, MRL_LIT(MRL_OID_CRL_NUMBER), /*critical=*/false);
    put_u64(d, plan->number);
    mrl_extension_end(d);
}

/* RFC 5280 5.2.4, 5.2.5, 5.2.6 */
static void put_scope(struct mrl_der *d, const struct mrl_crl_plan *plan)
{
    if (plan->base != 0) {
        mrl_extension_begin(d, MRL_LIT(MRL_OID_DELTA_CRL), /*critical=*/true);
        put_u64(d, plan->base);
        mrl_extension_end(d);
    }
    if (plan->scope_url.len > 0) {
        mrl_extension_begin(d, MRL_LIT(MRL_OID_ISSUING_POINT), /*critical=*/true);
        mrl_crl_point_write(d, plan->scope_url);
        mrl_extension_end(d);
    }
    if (plan->freshest_url.len > 0) {
        mrl_extension_begin(d, MRL_LIT(MRL_OID_FRESHEST_CRL), /*critical=*/false);
        mrl_der_begin(d, MRL_DER_SEQUENCE);
        mrl_crl_point_write(d, plan->freshest_url);
        mrl_der_end(d);
        mrl_extension_end(d);
    }
}

static mrl_err write_tail(const struct mrl_crl_plan *plan, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_der_begin(&d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    put_identity(&d, plan);
    put_scope(&d, plan);
    mrl_der_end(&d);
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

static mrl_err write_front(const struct mrl_crl_plan *plan, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_der_small(&d, 1); /* v2 */
    mrl_sign_alg_write(&d, plan->alg);
    mrl_der_raw(&d, plan->issuer);
    mrl_der_time(&d, plan->this_update);
    mrl_der_time(&d, plan->next_update);
    if (plan->entries_len > 0) /* RFC 5280 5.1.2.6: never an empty list */
        mrl_der_header(&d, MRL_DER_SEQUENCE, plan->entries_len);
    return mrl_der_finish(&d);
}

mrl_err mrl_crl_frame(const struct mrl_crl_plan *plan, struct mrl_buf *head, struct mrl_buf *tail)
{
    MRL_SCOPED(mrl_buf) front = {0};
    MRL_SCOPED(mrl_buf) back = {0};
    struct mrl_der d = mrl_der_on(head);

    MRL_ENSURE(plan->next_update > plan->this_update, MRL_ERR_INVALID);
    MRL_ENSURE(plan->number > 0 && plan->base < plan->number, MRL_ERR_INVALID);
    MRL_TRY(write_front(plan, &front));
    MRL_TRY(write_tail(plan, &back));
    mrl_der_header(&d, MRL_DER_SEQUENCE, front.len + plan->entries_len + back.len);
    mrl_der_raw(&d, mrl_buf_bytes(&front));
    MRL_TRY(mrl_der_finish(&d));
    return mrl_buf_append(tail, mrl_buf_bytes(&back));
}

mrl_err mrl_crl_entry(mrl_bytes serial, int64_t revoked, enum mrl_crl_reason reason,
                      struct mrl_buf *out)
{
    uint8_t code = (uint8_t)reason;
    struct mrl_der d = mrl_der_on(out);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_unsigned(&d, serial);
    mrl_der_time(&d, revoked);
    if (reason != MRL_CRL_UNSPECIFIED) {
        mrl_der_begin(&d, MRL_DER_SEQUENCE);
        mrl_extension_begin(&d, MRL_LIT(MRL_OID_CRL_REASON), /*critical=*/false);
        mrl_der_put(&d, MRL_DER_ENUMERATED, mrl_bytes_of(&code, 1));
        mrl_extension_end(&d);
        mrl_der_end(&d);
    }
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

mrl_err mrl_crl_entries_check(mrl_bytes entries)
{
    struct mrl_reader r = {entries, 0};
    mrl_bytes entry;

    while (mrl_reader_left(&r) > 0)
        MRL_TRY(mrl_der_read(&r, MRL_DER_SEQUENCE, &entry));
    return MRL_OK;
}

mrl_err mrl_crl_end(mrl_bytes tail, enum mrl_sign_alg alg, mrl_bytes signature, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_der_raw(&d, tail);
    mrl_sign_alg_write(&d, alg);
    mrl_der_bits(&d, signature);
    return mrl_der_finish(&d);
}

mrl_err mrl_crl_assemble(mrl_bytes head, mrl_bytes entries, mrl_bytes end, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    mrl_der_header(&d, MRL_DER_SEQUENCE, head.len + entries.len + end.len);
    mrl_der_raw(&d, head);
    mrl_der_raw(&d, entries);
    mrl_der_raw(&d, end);
    return mrl_der_finish(&d);
}

/* --- reading --- */

static mrl_err read_number(mrl_bytes value, uint64_t *out)
{
    struct mrl_reader r = {value, 0};
    mrl_bytes magnitude;
    uint64_t number = 0;

    MRL_TRY(mrl_der_read_unsigned(&r, &magnitude));
    MRL_TRY(mrl_reader_end(&r));
    for (size_t i = 0; i < magnitude.len && magnitude.len <= sizeof(number); i++)
        number = number << 8 | magnitude.data[i];
    *out = number;
    return MRL_OK;
}

static mrl_err read_extension(struct mrl_reader *list, struct mrl_crl_facts *f)
{
    mrl_bytes oid, value;

    MRL_TRY(mrl_extension_read(list, &oid, &value));
    if (mrl_bytes_eq(oid, MRL_LIT(MRL_OID_CRL_NUMBER)))
        MRL_TRY(read_number(value, &f->number));
    else if (mrl_bytes_eq(oid, MRL_LIT(MRL_OID_DELTA_CRL)))
        MRL_TRY(read_number(value, &f->base));
    return MRL_OK;
}

static mrl_err read_extensions(struct mrl_reader *tbs, struct mrl_crl_facts *f)
{
    struct mrl_reader outer, list;

    MRL_TRY(mrl_der_enter(tbs, MRL_DER_CONTEXT_CONSTRUCTED(0), &outer));
    MRL_TRY(mrl_der_enter(&outer, MRL_DER_SEQUENCE, &list));
    MRL_TRY(mrl_reader_end(&outer));
    while (mrl_reader_left(&list) > 0)
        MRL_TRY(read_extension(&list, f));
    return MRL_OK;
}

static mrl_err read_front(struct mrl_reader *tbs, struct mrl_crl_facts *f)
{
    mrl_bytes version, skipped, name;
    uint8_t tag;

    MRL_TRY(mrl_der_read_unsigned(tbs, &version));
    MRL_ENSURE(version.len == 1 && version.data[0] == 1, MRL_ERR_MALFORMED); /* v2 */
    MRL_TRY(mrl_der_read(tbs, MRL_DER_SEQUENCE, &skipped));
    MRL_TRY(mrl_der_read_any(tbs, &tag, &name, &f->issuer));
    MRL_ENSURE(tag == MRL_DER_SEQUENCE, MRL_ERR_MALFORMED);
    for (unsigned times = 0; times < 2; times++) {
        MRL_TRY(mrl_der_read_any(tbs, &tag, &skipped, NULL));
        MRL_ENSURE(tag == MRL_DER_UTC_TIME || tag == MRL_DER_GENERALIZED_TIME, MRL_ERR_MALFORMED);
    }
    return MRL_OK;
}

mrl_err mrl_crl_read(mrl_bytes der, struct mrl_crl_facts *out)
{
    struct mrl_reader r = {der, 0}, list, tbs;
    struct mrl_crl_facts f = {0};
    mrl_bytes skipped;

    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &list));
    MRL_TRY(mrl_reader_end(&r));
    MRL_TRY(mrl_der_enter(&list, MRL_DER_SEQUENCE, &tbs));
    MRL_TRY(mrl_der_read(&list, MRL_DER_SEQUENCE, &skipped));
    MRL_TRY(mrl_der_read_bits(&list, &skipped));
    MRL_TRY(mrl_reader_end(&list));
    MRL_TRY(read_front(&tbs, &f));
    if (mrl_der_next_is(&tbs, MRL_DER_SEQUENCE))
        MRL_TRY(mrl_der_read(&tbs, MRL_DER_SEQUENCE, &f.entries));
    MRL_TRY(read_extensions(&tbs, &f));
    MRL_TRY(mrl_reader_end(&tbs));
    MRL_TRY(mrl_crl_entries_check(f.entries));
    *out = f;
    return MRL_OK;
}
