/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys the operator put into files. Layer: server/export, internal. Thread: one
 * that may block. */
#ifndef MRL_EXPORT_FILES_H
#define MRL_EXPORT_FILES_H

#include "crypto/cert.h"
#include "crypto/key.h"

/* path has a NUL behind. Each why names the file. */
mrl_err mrl_export_read_certificates(const mrl_bytes *path, struct mrl_cert_list *out,
                                     struct mrl_why *why);
/* PEM without a passphrase. MRL_ERR_DENIED: others may read it. */
mrl_err mrl_export_read_key(const mrl_bytes *path, struct mrl_key **out, struct mrl_why *why);

#endif
