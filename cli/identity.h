/* SPDX-License-Identifier: Apache-2.0 */
/* A key made here and the certificate the server gives for it, as files. Layer: cli.
 * The private key never leaves this machine: only a request signed by it does. */
#ifndef MRL_CLI_IDENTITY_H
#define MRL_CLI_IDENTITY_H

#include "base/json.h"
#include "base/secret.h"
#include "cli/cli.h"

/* DIR/NAME.key (0600), DIR/NAME.pem (chain, leaf first), DIR/root.pem. */
struct mrl_identity {
    char key_path[1024];
    char cert_path[1024];
    char root_path[1024];
    struct mrl_secret *key_pem;
    json_t *request; /* {"csr": PEM}, the body for .../certificates */
};
void mrl_identity_done(struct mrl_identity *i);

/* Names the files, makes a P-256 key and a request for the certificate of name. Writes nothing.
 * fresh: MRL_EXIT_REFUSED when one of the files of name exists. */
mrl_exit mrl_identity_make(struct mrl_cli *cli, const char *dir, const char *name, bool fresh,
                           struct mrl_identity *out);
/* Writes root.pem, unless it is there with the same content. MRL_EXIT_REFUSED: another one is. */
mrl_exit mrl_identity_write_root(struct mrl_cli *cli, const struct mrl_identity *i, mrl_bytes pem);
/* Key and chain: first both beside their places, then moved there; so an old pair is replaced only
 * when the new one is whole. MRL_EXIT_REFUSED: chain is not a certificate of the key. */
mrl_exit mrl_identity_write(struct mrl_cli *cli, const struct mrl_identity *i, mrl_bytes chain);

#endif
