/* SPDX-License-Identifier: Apache-2.0 */
/* The root key leaves the keystore, once in its life. Layer: keys. Thread: the only one.
 *
 * Only the command line leads here, and only while no key process serves (the folder's lock): no
 * message of the daemon does. The file belongs to the operator who runs the command, the keystore
 * to the keys account, so two processes do it. One stays the operator, makes the file and never
 * opens the keystore. The other becomes the keys account for good before it opens the keystore,
 * and hands over nothing but encrypted text: what lies in the keystore is never read with the
 * operator's rights. */
#ifndef MRL_KEYS_EXPORT_H
#define MRL_KEYS_EXPORT_H

#include "base/buf.h"
#include "keys/unlock.h"

enum { MRL_EXPORT_PASSPHRASE_MOST = 1000 }; /* openssl reads no longer line from a file */

/* One line of MRL_PASSPHRASE_LEAST to MRL_EXPORT_PASSPHRASE_MOST bytes from fd, or from file when
 * fd is negative. MRL_ERR_INVALID, and the errors of mrl_read_secret_file. Gives *out. */
mrl_err mrl_export_read_passphrase(int fd, const char *file, struct mrl_secret **out,
                                   struct mrl_why *why);

/* The root key as encrypted PKCS#8 PEM, then its certificate as PEM, appended to out. The record
 * is durable on MRL_OK; out counts only then. MRL_ERR_STATE: it was exported before. */
mrl_err mrl_export_take(const struct mrl_folder *f, const struct mrl_unlock *unlock,
                        mrl_bytes passphrase, struct mrl_buf *out, struct mrl_why *why);

struct mrl_export { /* all borrowed for the call */
    const char *dir;
    const char *user; /* as in mrl_sandbox_drop_user */
    const struct mrl_unlock *unlock;
    mrl_bytes passphrase;
    const char *out; /* MRL_ERR_EXISTS when it exists; mode 0600, of the effective user */
};
/* Into the file e->out, durable on return. Signals should be ignored: between the record and the
 * file an end of this process costs the export. After any failure before the record there is no
 * file, and the export remains possible. */
mrl_err mrl_export_root(const struct mrl_export *e, struct mrl_why *why);

#endif
