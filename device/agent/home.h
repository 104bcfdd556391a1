/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's folder: who we are, whom we trust, where the server is. Layer: device. Thread: one.
 *
 *   settings.json  device id, addresses, name in the server's certificate
 *   root.pem       the trust anchors: one, or several while the server changes its root
 *   ca.pem         CAs below them; the issuing one is sent along with our certificate, none is
 *                  trusted by itself
 *   bundle         version of what EST gave when these two were written; written after them
 *   identity.pem   private key (or what its TPM finds it by) and certificate, one file so that one
 *                  rename replaces both
 *   renewal.json   when the server wants identity.pem renewed; may be missing
 *   next.key       a key that has no certificate yet
 *   next.pem       a further identity that has not proven itself on a connection yet
 *   events.log     what happened, see device/agent/eventlog.h; appended
 *   wipe.json      it is to destroy all this, see device/agent/wiping.h
 *
 * Every other file is replaced whole; enrolled is who has a good identity.pem, and it is written
 * last. */
#ifndef MRL_AGENT_HOME_H
#define MRL_AGENT_HOME_H

#include "base/id.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "device/agent/clock.h"
#include "device/agent/disk.h"

#define MRL_HOME_SETTINGS "settings.json"
#define MRL_HOME_ROOT "root.pem"
#define MRL_HOME_CA "ca.pem"
#define MRL_HOME_IDENTITY "identity.pem"
#define MRL_HOME_NEXT "next.pem"
#define MRL_HOME_NEXT_KEY "next.key"
#define MRL_HOME_BUNDLE "bundle"
#define MRL_HOME_RENEWAL "renewal.json"

enum {
    MRL_SETTING_MAX = 256,
    MRL_DEVICE_ID_MAX = MRL_ID_MAX,
    MRL_PROFILE_MAX = MRL_LABEL_MAX,
    MRL_BUNDLE_TEXT = 65, /* SHA-256 in hex, and NUL */
};

struct mrl_settings {
    char device[MRL_DEVICE_ID_MAX + 1];
    char server[MRL_SETTING_MAX];      /* EST, host:port */
    char mqtt[MRL_SETTING_MAX];        /* host:port */
    char name[MRL_SETTING_MAX];        /* in the server's certificate */
    char profile[MRL_PROFILE_MAX + 1]; /* label of EST; "": none */
    char tpm[MRL_SETTING_MAX];         /* where the key's TPM is; empty: the key is in the file */
};
mrl_err mrl_settings_read(mrl_bytes json, struct mrl_settings *out, struct mrl_why *why);
mrl_err mrl_settings_write(const struct mrl_settings *s, struct mrl_buf *out);

struct mrl_identity {
    struct mrl_key *key;
    struct mrl_cert *cert;
    int64_t since_s; /* when we got it: not_before lies earlier, for clocks that are behind */
};
void mrl_identity_done(struct mrl_identity *i); /* empty afterwards */
/* The two as one text; the caller wipes out. */
mrl_err mrl_identity_write(const struct mrl_identity *i, struct mrl_buf *out);
/* tpm: where a key that is in a TPM is found. MRL_ERR_CORRUPT: they do not belong together. */
mrl_err mrl_identity_read(mrl_bytes pem, const char *tpm, struct mrl_identity *out,
                          struct mrl_why *why);

struct mrl_home {
    const char *dir; /* borrowed, as disk */
    const struct mrl_disk *disk;
    struct mrl_settings settings;
    struct mrl_cert_list roots; /* at least one */
    struct mrl_cert_list ca;
    char bundle[MRL_BUNDLE_TEXT]; /* "": not known */
    struct mrl_identity identity;
    struct mrl_device_clock clock;
    enum mrl_key_type next_type; /* of the key that is made next; that of the present one */
};
/* Everything that running needs. MRL_ERR_NOT_FOUND: not enrolled. */
mrl_err mrl_home_open(struct mrl_home *h, const char *dir, const struct mrl_disk *disk,
                      struct mrl_why *why);
void mrl_home_done(struct mrl_home *h);
mrl_err mrl_home_load_identity(const struct mrl_home *h, const char *name, struct mrl_identity *out,
                               struct mrl_why *why);
mrl_err mrl_home_save_identity(const struct mrl_home *h, const char *name,
                               const struct mrl_identity *i, struct mrl_why *why);
/* The key of next.key, made and on the disk when it is not there yet, of another type or that of
 * the identity; a key in a TPM stays the same, for what was proven about it holds for this key
 * only. Gives *out. */
mrl_err mrl_home_next_key(const struct mrl_home *h, struct mrl_key **out, struct mrl_why *why);
/* Looks at the clock of the machine: not before the identity was made. */
void mrl_home_look_at_clock(struct mrl_home *h);
/* When the server wants this identity renewed; nothing is kept for an empty offer. Losing it is no
 * harm: a device renews without. */
struct mrl_offer;
mrl_err mrl_home_save_offer(const struct mrl_home *h, const struct mrl_cert *cert,
                            const struct mrl_offer *offer, struct mrl_why *why);
void mrl_home_load_offer(const struct mrl_home *h,
                         struct mrl_offer *out); /* empty: there is none */
/* The chain to send: the certificate and the CA that issued it. Appends new references. */
mrl_err mrl_home_chain(const struct mrl_home *h, const struct mrl_cert *leaf,
                       struct mrl_cert_list *out);

#endif
