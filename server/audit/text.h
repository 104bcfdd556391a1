/* SPDX-License-Identifier: Apache-2.0 */
/* Strangers' bytes as text. Layer: server/audit, internal. Thread: any. */
#ifndef MRL_AUDIT_TEXT_H
#define MRL_AUDIT_TEXT_H

#include "base/writer.h"

/* Writes text as a JSON string in the one spelling of RFC 8785 3.2.2.2. What is not UTF-8, and NUL,
 * becomes U+FFFD; true when text was longer than max bytes and cut. */
bool mrl_audit_put_json_text(struct mrl_writer *w, mrl_bytes text, size_t max);
/* The same text without quotes and escapes. */
bool mrl_audit_put_plain_text(struct mrl_writer *w, mrl_bytes text, size_t max);

#endif
