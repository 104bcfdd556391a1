/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/idevid.h"

#include "base/utf8.h"
#include "crypto/der.h"
#include "crypto/name.h"
#include "crypto/oid.h"

static bool is_clean_text(uint8_t tag, mrl_bytes text)
{
    if (tag != MRL_DER_PRINTABLE && tag != MRL_DER_UTF8 && tag != MRL_DER_IA5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    }
    return text.len > 0 && mrl_utf8_valid(text);
}

/* One AttributeTypeAndValue; *found becomes its value when it is a serial number. */
static mrl_err read_attribute(struct mrl_reader *set, mrl_bytes *found)
{
    struct mrl_reader r;
    mrl_bytes oid, value;
    uint8_t tag;

    MRL_TRY(mrl_der_enter(set, MRL_DER_SEQUENCE, &r));
    MRL_TRY(mrl_der_read(&r, MRL_DER_OID, &oid));
    MRL_TRY(mrl_der_read_any(&r, &tag, &value, NULL));
    MRL_TRY(mrl_reader_end(&r));
    if (!mrl_bytes_eq(oid, MRL_LIT(MRL_OID_SERIAL_NUMBER)))
        return MRL_OK;
    MRL_ENSURE(found->len == 0 && is_clean_text(tag, value), MRL_ERR_MALFORMED);
    MRL_ENSURE(value.len <= MRL_SERIAL_NUMBER_MAX, MRL_ERR_LIMIT);
    *found = value;
    return MRL_OK;
}

mrl_err mrl_idevid_serial(mrl_bytes subject, mrl_bytes *out)
{
    struct mrl_reader r = {subject, 0}, rdns, set;
    mrl_bytes found = MRL_BYTES_NONE;
    size_t count = 0;

    MRL_TRY(mrl_der_enter(&r, MRL_DER_SEQUENCE, &rdns));
    MRL_TRY(mrl_reader_end(&r));
    while (mrl_reader_left(&rdns) > 0) {
        MRL_TRY(mrl_der_enter(&rdns, MRL_DER_SET, &set));
        do {
            MRL_ENSURE(++count <= MRL_NAME_RDNS_MAX, MRL_ERR_LIMIT);
            MRL_TRY(read_attribute(&set, &found));
        } while (mrl_reader_left(&set) > 0);
    }
    MRL_ENSURE(found.len > 0, MRL_ERR_NOT_FOUND);
    *out = found;
    return MRL_OK;
}

/* RFC 4108 5: HardwareModuleName ::= SEQUENCE { hwType OBJECT IDENTIFIER, hwSerialNum OCTET STRING
 * } */
static mrl_err read_module(struct mrl_reader *explicit, struct mrl_hardware_module *out)
{
    struct mrl_hardware_module module;
    struct mrl_reader r;

    MRL_TRY(mrl_der_enter(explicit, MRL_DER_SEQUENCE, &r));
    MRL_TRY(mrl_reader_end(explicit));
    MRL_TRY(mrl_der_read(&r, MRL_DER_OID, &module.type));
    MRL_TRY(mrl_der_read(&r, MRL_DER_OCTET_STRING, &module.serial));
    MRL_TRY(mrl_reader_end(&r));
    MRL_ENSURE(module.type.len > 0 && module.serial.len > 0, MRL_ERR_MALFORMED);
    MRL_ENSURE(module.type.len <= MRL_HARDWARE_TYPE_MAX &&
                   module.serial.len <= MRL_HARDWARE_SERIAL_MAX,
               MRL_ERR_LIMIT);
    *out = module;
    return MRL_OK;
}

/* An entry of GeneralNames; RFC 5280 4.2.1.6: otherName is [0] of a type and an [0] EXPLICIT value.
 * *found tells whether it was a module. */
static mrl_err read_entry(mrl_bytes entry, struct mrl_hardware_module *out, bool *found)
{
    struct mrl_reader r = {entry, 0}, other, value;
    mrl_bytes type;

    *found = false;
    if (!mrl_der_next_is(&r, MRL_DER_CONTEXT_CONSTRUCTED(0)))
        return MRL_OK;
    MRL_TRY(mrl_der_enter(&r, MRL_DER_CONTEXT_CONSTRUCTED(0), &other));
    MRL_TRY(mrl_der_read(&other, MRL_DER_OID, &type));
    MRL_TRY(mrl_der_enter(&other, MRL_DER_CONTEXT_CONSTRUCTED(0), &value));
    MRL_TRY(mrl_reader_end(&other));
    if (!mrl_bytes_eq(type, MRL_LIT(MRL_OID_HARDWARE_MODULE_NAME)))
        return MRL_OK;
    *found = true;
    return read_module(&value, out);
}

mrl_err mrl_idevid_hardware(mrl_bytes san, struct mrl_hardware_module *out)
{
    struct mrl_hardware_module module = {0};
    enum mrl_san_kind kind;
    struct mrl_san names;
    mrl_bytes entry;
    size_t count = 0;
    bool found;

    MRL_TRY(mrl_san_start(san, &names));
    while (mrl_san_next(&names, &kind, &entry)) {
        if (kind != MRL_SAN_OTHER)
            continue;
        MRL_TRY(read_entry(entry, &module, &found));
        count += found;
    }
    MRL_ENSURE(count > 0, MRL_ERR_NOT_FOUND);
    MRL_ENSURE(count == 1, MRL_ERR_MALFORMED);
    *out = module;
    return MRL_OK;
}
