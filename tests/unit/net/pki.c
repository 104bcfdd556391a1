/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/pki.h"

#include <stdlib.h>

#include "base/clock.h"

#define DAY INT64_C(86400)

static void must(mrl_err err)
{
    if (err != MRL_OK)
        abort();
}

static void make(const struct pki_identity *ca, enum mrl_cert_kind kind, enum mrl_key_type type,
                 const char *cn, int64_t from, int64_t until, struct pki_identity *out)
{
    static const uint8_t loopback[] = {127, 0, 0, 1};
    mrl_bytes name = MRL_LIT("localhost"), ip = mrl_bytes_of(loopback, sizeof(loopback));
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert *cert = NULL;
    struct mrl_cert_profile profile = {.kind = kind, .cn = mrl_str(cn)};

    *out = (struct pki_identity){0};
    must(mrl_key_generate(type, &out->key, NULL));
    must(mrl_key_to_spki(out->key, &spki));
    profile.spki = mrl_buf_bytes(&spki);
    profile.not_before = mrl_wall_s() + from;
    profile.not_after = mrl_wall_s() + until;
    mrl_serial_random(profile.serial);
    if (kind == MRL_CERT_SERVER) {
        profile.dns = (struct mrl_names){&name, 1};
        profile.ips = (struct mrl_names){&ip, 1};
    }
    must(mrl_cert_build(&profile, ca == NULL ? NULL : ca->chain.certs[0],
                        ca == NULL ? out->key : ca->key, &der, NULL));
    must(mrl_cert_from_der(mrl_buf_bytes(&der), &cert));
    out->fingerprint = mrl_cert_facts(cert)->fingerprint;
    must(mrl_cert_list_add(&out->chain, cert));
}

void pki_issue(const struct pki_identity *ca, enum mrl_cert_kind kind, const char *cn, int64_t from,
               int64_t until, struct pki_identity *out)
{
    make(ca, kind, MRL_KEY_P256, cn, from, until, out);
}

void pki_init(struct pki *p)
{
    struct mrl_cert *root = NULL;

    make(NULL, MRL_CERT_ROOT_CA, MRL_KEY_P256, "Test CA", -90 * DAY, 400 * DAY, &p->ca);
    make(NULL, MRL_CERT_ROOT_CA, MRL_KEY_P256, "Foreign CA", -90 * DAY, 400 * DAY, &p->foreign_ca);
    make(&p->ca, MRL_CERT_SERVER, MRL_KEY_P256, "server", -DAY, DAY, &p->server);
    make(&p->ca, MRL_CERT_SERVER, MRL_KEY_ED25519, "server", -DAY, DAY, &p->other_server);
    p->roots = (struct mrl_cert_list){0};
    must(mrl_cert_from_der(mrl_cert_facts(p->ca.chain.certs[0])->der, &root));
    must(mrl_cert_list_add(&p->roots, root));
}

void pki_identity_done(struct pki_identity *i)
{
    mrl_key_free(i->key);
    mrl_cert_list_done(&i->chain);
}

void pki_done(struct pki *p)
{
    pki_identity_done(&p->ca);
    pki_identity_done(&p->foreign_ca);
    pki_identity_done(&p->server);
    pki_identity_done(&p->other_server);
    mrl_cert_list_done(&p->roots);
}
