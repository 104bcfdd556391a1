/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a keystore. Layer: keys, internal to keystore*.c, staging.c and rekey.c. */
#ifndef MRL_KEYS_KEYSTORE_FILES_H
#define MRL_KEYS_KEYSTORE_FILES_H

#define MRL_KEYSTORE_MANIFEST "manifest"
#define MRL_KEYSTORE_UNFINISHED "init.unfinished"
#define MRL_KEYSTORE_ROOT "root.key"
#define MRL_KEYSTORE_ISSUING "issuing.key"
#define MRL_KEYSTORE_AUDIT "audit.key"
#define MRL_KEYSTORE_SEALING "sealing.key"
#define MRL_KEYSTORE_EXPORT "root.export"
#define MRL_KEYSTORE_REQUEST "issuing.request"

enum {
    MRL_KEYSTORE_SEALING_SIZE = 32,
    MRL_KEYSTORE_MANIFEST_VERSION = 1,
    MRL_KEYSTORE_MANIFEST_MAX = 8 << 10,
};

/* Everything init writes but the manifest, when the keystore is unlocked by file. */
/* clang-format off */
#define MRL_KEYSTORE_PARTS {MRL_UNLOCK_FILE_NAME, MRL_KEYSTORE_ROOT, MRL_KEYSTORE_ISSUING, \
    MRL_KEYSTORE_AUDIT, MRL_KEYSTORE_SEALING, MRL_KEYSTORE_EXPORT}
/* clang-format on */

#endif
