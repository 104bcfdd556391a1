/* SPDX-License-Identifier: Apache-2.0 */
/* What an EST server wants to see in a request: CsrAttrs, as a list of attributes for clients of
 * RFC 7030 4.5.2 and as a template of the request for those of RFC 9908 3.4. Layer: crypto. Thread:
 * any. */
#ifndef MRL_CRYPTO_CSRATTRS_H
#define MRL_CRYPTO_CSRATTRS_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/key.h"

enum { MRL_CSRATTRS_DER_MAX = 16 << 10, MRL_CSRATTRS_MAX = 32 };

struct mrl_csrattrs { /* borrowed; a reader's views point into what was read */
    bool has_key;     /* false: no kind of key is asked for */
    enum mrl_key_type key;
    bool challenge_password; /* link the request to the TLS connection, RFC 7030 3.5 */
    mrl_bytes cn;            /* common name; empty: the device puts in its own */
    mrl_bytes san;           /* subjectAltName, GeneralNames DER; empty: none is asked for */
};
/* Appends the DER. */
mrl_err mrl_csrattrs_write(const struct mrl_csrattrs *want, struct mrl_buf *out);
/* Of a template and a list the template alone counts (RFC 9908 4); what is not known is skipped.
 * MRL_ERR_MALFORMED; MRL_ERR_LIMIT: larger than MRL_CSRATTRS_DER_MAX, more than MRL_CSRATTRS_MAX
 * elements; MRL_ERR_UNSUPPORTED: a kind of key that we do not know. */
mrl_err mrl_csrattrs_read(mrl_bytes der, struct mrl_csrattrs *out);

#endif
