/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one of everything lib/crypto can write into a folder, so that the openssl command
 * line can be asked about it: usage: write_samples FOLDER TYPE
 * TYPE: 0 = P-256, 1 = P-384, 2 = Ed25519 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "crypto/cert_build.h"
#include "crypto/csr.h"
#include "crypto/csrattrs.h"
#include "crypto/pkcs7.h"

static void must(mrl_err err, const char *what)
{
    if (err == MRL_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, mrl_err_name(err));
    abort();
}

static void save(const char *folder, const char *name, mrl_bytes content)
{
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(content.data, 1, content.len, file) != content.len ||
        fclose(file) != 0)
        must(MRL_ERR_IO, path);
}

/* Read once: a second that ends between two certificates would have one outlive its issuer. */
static int64_t now_s;

static struct mrl_cert *build(struct mrl_cert_profile p, const struct mrl_key *subject,
                              const struct mrl_cert *issuer, const struct mrl_key *key)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_cert *c = NULL;
    struct mrl_why why = {""};

    mrl_serial_random(p.serial);
    p.not_before = now_s - 3600;
    p.not_after = p.not_before + (p.kind <= MRL_CERT_ISSUING_CA ? 40L * 365 : 365L) * 86400;
    must(mrl_key_to_spki(subject, &spki), "spki");
    p.spki = mrl_buf_bytes(&spki);
    must(mrl_cert_build(&p, issuer, key, &der, &why), why.text);
    must(mrl_cert_from_der(mrl_buf_bytes(&der), &c), "read back");
    return c;
}

static void save_cert(const char *folder, const char *name, const struct mrl_cert *c)
{
    MRL_SCOPED(mrl_buf) pem = {0};

    must(mrl_cert_to_pem(c, &pem), name);
    save(folder, name, mrl_buf_bytes(&pem));
}

static void save_keys(const char *folder, const struct mrl_key *k)
{
    MRL_AUTO(mrl_secret) plain = NULL;
    MRL_AUTO(mrl_secret) encrypted = NULL;

    must(mrl_key_to_pem(k, MRL_BYTES_NONE, &plain), "key");
    must(mrl_key_to_pem(k, MRL_LIT("open sesame"), &encrypted), "encrypted key");
    save(folder, "key.pem", mrl_secret_bytes(plain));
    save(folder, "key-encrypted.pem", mrl_secret_bytes(encrypted));
}

static void save_messages(const char *folder, const struct mrl_key *k, const mrl_bytes *certs)
{
    const mrl_bytes uri = MRL_LIT("urn:merlon:t:device:pump-7");
    struct mrl_csr_request request = {MRL_LIT("pump-7"), {&uri, 1}, MRL_LIT("YmluZGluZw==")};
    struct mrl_csrattrs want = {
        .has_key = true, .key = mrl_key_type(k), .challenge_password = true};
    MRL_SCOPED(mrl_buf) csr = {0};
    MRL_SCOPED(mrl_buf) pkcs7 = {0};
    MRL_SCOPED(mrl_buf) attrs = {0};

    must(mrl_csr_write(&request, k, &csr), "csr");
    must(mrl_pkcs7_write(certs, 2, &pkcs7), "pkcs7");
    must(mrl_csrattrs_write(&want, &attrs), "csrattrs");
    save(folder, "device.csr", mrl_buf_bytes(&csr));
    save(folder, "cacerts.p7", mrl_buf_bytes(&pkcs7));
    save(folder, "csrattrs.der", mrl_buf_bytes(&attrs));
}

static void write_all(const char *folder, enum mrl_key_type type)
{
    const mrl_bytes uri = MRL_LIT("urn:merlon:t:device:pump-7"), dns = MRL_LIT("localhost");
    const mrl_bytes ip = MRL_LIT("\x7f\x00\x00\x01");
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(mrl_key) issuing_key = NULL;

    must(mrl_key_generate(type, &key, NULL), "key");
    must(mrl_key_generate(type, &issuing_key, NULL), "key");
    MRL_AUTO(mrl_cert)
    root = build((struct mrl_cert_profile){.kind = MRL_CERT_ROOT_CA, .cn = MRL_LIT("Root")}, key,
                 NULL, key);
    MRL_AUTO(mrl_cert)
    issuing =
        build((struct mrl_cert_profile){.kind = MRL_CERT_ISSUING_CA, .cn = MRL_LIT("Issuing")},
              issuing_key, root, key);
    MRL_AUTO(mrl_cert)
    device = build((struct mrl_cert_profile){.kind = MRL_CERT_DEVICE,
                                             .cn = MRL_LIT("pump-7"),
                                             .uris = {&uri, 1}},
                   key, issuing, issuing_key);
    MRL_AUTO(mrl_cert)
    server = build(
        (struct mrl_cert_profile){
            .kind = MRL_CERT_SERVER, .cn = MRL_LIT("server"), .dns = {&dns, 1}, .ips = {&ip, 1}},
        key, issuing, issuing_key);
    const mrl_bytes certs[] = {mrl_cert_facts(issuing)->der, mrl_cert_facts(root)->der};

    save_cert(folder, "root.pem", root);
    save_cert(folder, "issuing.pem", issuing);
    save_cert(folder, "device.pem", device);
    save_cert(folder, "server.pem", server);
    save_keys(folder, key);
    save_messages(folder, key, certs);
}

int main(int argc, char **argv)
{
    static const enum mrl_key_type types[] = {MRL_KEY_P256, MRL_KEY_P384, MRL_KEY_ED25519};

    if (argc != 3 || argv[2][0] < '0' || argv[2][0] > '2')
        return 2;
    now_s = mrl_wall_s();
    write_all(argv[1], types[argv[2][0] - '0']);
    return 0;
}
