/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 validity. Layer: base. Thread: any. */
#ifndef MRL_BASE_UTF8_H
#define MRL_BASE_UTF8_H

#include "base/bytes.h"

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool mrl_utf8_valid(mrl_bytes text);

#endif
