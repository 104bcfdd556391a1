/* SPDX-License-Identifier: Apache-2.0 */
/* What is inside an X.501 Name and a GeneralNames list. Layer: crypto. Thread: any. Results are
 * views into the input. */
#ifndef MRL_CRYPTO_NAME_H
#define MRL_CRYPTO_NAME_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/reader.h"
#include "crypto/der.h"

enum {
    MRL_CN_MAX = 64,         /* RFC 5280 A.1 ub-common-name, in characters */
    MRL_NAME_RDNS_MAX = 16,  /* MRL_ERR_LIMIT above */
    MRL_SAN_ENTRIES_MAX = 32 /* MRL_ERR_LIMIT above */
};

struct mrl_name {
    mrl_bytes cn;    /* UTF-8 without control characters; empty: none */
    size_t cn_count; /* above 1: cn is the last one, do not identify anybody by it */
    size_t others;   /* attributes that are not a common name */
};
/* Of a whole Name (SEQUENCE included). A common name in UTF8String, PrintableString or IA5String
 * that is valid text without control characters; any other is MRL_ERR_MALFORMED: a name with a NUL
 * in it is an attack. */
mrl_err mrl_name_read(mrl_bytes der, struct mrl_name *out);
/* A Name of one common name as UTF8String. MRL_ERR_INVALID (by mrl_der_finish): empty, longer than
 * MRL_CN_MAX characters, not UTF-8 or with control characters. */
void mrl_name_write(struct mrl_der *d, mrl_bytes cn);

enum mrl_san_kind { MRL_SAN_URI, MRL_SAN_DNS, MRL_SAN_IP, MRL_SAN_EMAIL, MRL_SAN_OTHER };
struct mrl_san {
    struct mrl_reader rest;
};
/* Starts over a whole GeneralNames (SEQUENCE included); empty input is a list without entries.
 * Checks every entry (RFC 5280 4.2.1.6): text is visible ASCII, an IP has 4 or 16 bytes, at most
 * MRL_SAN_ENTRIES_MAX of them. */
mrl_err mrl_san_start(mrl_bytes der, struct mrl_san *out);
/* The next entry: text of a URI, DNS name or e-mail, address bytes of an IP, the element otherwise.
 * false after the last. */
bool mrl_san_next(struct mrl_san *s, enum mrl_san_kind *kind, mrl_bytes *value);

/* Lists of names to write. The items are borrowed. */
struct mrl_names {
    const mrl_bytes *items;
    size_t count;
};
/* One GeneralNames. MRL_ERR_INVALID (by mrl_der_finish): a URI without scheme, a DNS name that is
 * none (RFC 1123, a leading "*." allowed), an IP of neither 4 nor 16 bytes; MRL_ERR_LIMIT: more
 * than MRL_SAN_ENTRIES_MAX. */
void mrl_san_write(struct mrl_der *d, struct mrl_names uris, struct mrl_names dns,
                   struct mrl_names ips);

#endif
