/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of public keys as files have them: one name a line, and keys in PEM. Layer: cli. */
#ifndef MRL_CLI_KEY_LIST_H
#define MRL_CLI_KEY_LIST_H

#include "base/buf.h"

enum {
    MRL_KEY_NAME = 64,       /* hexadecimal digits: SHA-256 of the SubjectPublicKeyInfo */
    MRL_KEY_NAME_SHORT = 20, /* as in the lists of openssl-blacklist: SHA-1 of the modulus */
};

struct mrl_key_list {
    mrl_bytes text; /* borrowed */
    size_t at;
    unsigned long line; /* of what was read last, from 1 on */
};
/* The next name, a view of the text. Lines end with LF or CR LF; blank ones, and what follows "#",
 * say nothing. MRL_ERR_NOT_FOUND: there is none; MRL_ERR_MALFORMED: something else stands there. */
mrl_err mrl_key_list_next(struct mrl_key_list *l, mrl_bytes *name, struct mrl_why *why);

/* Appends the name of the key in a PEM text: of a certificate, a request, a public key or a private
 * key without passphrase. MRL_ERR_MALFORMED: none of them. */
mrl_err mrl_key_name_of_pem(mrl_bytes pem, struct mrl_buf *out);

#endif
