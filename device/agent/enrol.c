/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/enrol.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "device/agent/est.h"
#include "device/agent/prove.h"
#include "device/agent/trust.h"
#include "device/agent/wiping.h"

enum { TOKEN_LIMIT = 1024, ROOT_LIMIT = 64 << 10, MQTT_PORT = 8883 };

static void say(const char *text)
{
    printf("enrol: %s\n", text);
    (void)fflush(stdout); /* progress only */
}

static mrl_err set(char *to, size_t cap, mrl_bytes value, const char *what, struct mrl_why *why)
{
    if (value.len == 0 || !mrl_bytes_to_cstr(value, to, cap))
        return mrl_fail(why, MRL_ERR_INVALID, "%s is empty or too long", what);
    return MRL_OK;
}

static mrl_err settle(const struct mrl_enrol_options *o, struct mrl_settings *s,
                      struct mrl_why *why)
{
    char mqtt[MRL_SETTING_MAX + 16];
    mrl_bytes host, ignored;
    uint16_t port;

    if (!mrl_id_valid(mrl_str(o->device)))
        return mrl_fail(why, MRL_ERR_INVALID, "%.80s is no device id", o->device);
    if (o->profile != NULL && !mrl_label_valid(mrl_str(o->profile)))
        return mrl_fail(why, MRL_ERR_INVALID, "%.80s is no label of a profile", o->profile);
    MRL_TRY(mrl_address_split(mrl_str(o->server), &host, &port, why));
    if (o->mqtt != NULL)
        MRL_TRY(mrl_address_split(mrl_str(o->mqtt), &ignored, &port, why));
    (void)snprintf(mqtt, sizeof(mqtt),
                   mrl_bytes_find(host, ':', 0) < host.len ? "[%.*s]:%d" : "%.*s:%d",
                   MRL_FMT(mrl_bytes_sub(host, 0, MRL_SETTING_MAX)), MQTT_PORT);
    MRL_TRY(set(s->device, sizeof(s->device), mrl_str(o->device), "--device", why));
    MRL_TRY(set(s->server, sizeof(s->server), mrl_str(o->server), "--server", why));
    MRL_TRY(
        set(s->mqtt, sizeof(s->mqtt), mrl_str(o->mqtt != NULL ? o->mqtt : mqtt), "--mqtt", why));
    if (o->tpm != NULL)
        MRL_TRY(set(s->tpm, sizeof(s->tpm), mrl_str(o->tpm), "--tpm", why));
    if (o->profile != NULL)
        MRL_TRY(set(s->profile, sizeof(s->profile), mrl_str(o->profile), "--profile", why));
    return set(s->name, sizeof(s->name), o->name != NULL ? mrl_str(o->name) : host, "--name", why);
}

static mrl_err read_token(const char *file, struct mrl_secret **out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) text = {.limit = TOKEN_LIMIT};
    uint8_t *space;
    mrl_err err;
    mrl_bytes token;

    MRL_TRY(mrl_buf_reserve(&text, TOKEN_LIMIT, &space)); /* at once: no copies while growing */
    err = mrl_disk_read(NULL, file, &text, why);
    token = mrl_bytes_trim(mrl_buf_bytes(&text));
    if (err == MRL_OK && token.len > 0)
        *out = mrl_secret_copy(token);
    else if (err == MRL_OK)
        err = mrl_fail(why, MRL_ERR_INVALID, "%s holds no token", file);
    mrl_wipe(text.data, text.len);
    return err;
}

/* ---- trust ---- */

static mrl_err read_certificates(const char *file, struct mrl_cert_list *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) pem = {.limit = ROOT_LIMIT};

    MRL_TRY(mrl_disk_read(NULL, file, &pem, why));
    if (mrl_cert_list_add_pem(out, mrl_buf_bytes(&pem)) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "%s holds no certificates in PEM", file);
    return MRL_OK;
}

static mrl_err read_root(const char *file, struct mrl_cert_list *out, struct mrl_why *why)
{
    MRL_TRY(read_certificates(file, out, why));
    if (out->count != 1)
        return mrl_fail(why, MRL_ERR_INVALID, "%s does not hold exactly one certificate", file);
    return MRL_OK;
}

static mrl_err open_client(const struct mrl_enrol_options *o, struct mrl_home *h,
                           struct mrl_tls_context **tls, struct mrl_fingerprint *root,
                           struct mrl_why *why)
{
    struct mrl_tls_client_config trust = {0};

    if (o->root_file != NULL) {
        MRL_TRY(read_root(o->root_file, &h->roots, why));
        *root = mrl_cert_facts(h->roots.certs[0])->fingerprint;
        trust.roots = &h->roots;
    } else {
        if (mrl_unhex(mrl_str(o->root_sha256), root->bytes, sizeof(root->bytes)) != MRL_OK)
            return mrl_fail(why, MRL_ERR_INVALID, "--root-sha256 takes 64 hex digits");
        trust.pin = root;
    }
    return mrl_tls_client_new(&trust, tls, why);
}

/* The root we were told of, out of the bundle, when it is not in a file. */
static mrl_err find_root(const struct mrl_cert_list *bundle, const struct mrl_fingerprint *root,
                         struct mrl_cert_list *to, struct mrl_why *why)
{
    for (size_t i = 0; i < bundle->count && to->count == 0; i++) {
        const struct mrl_cert_facts *f = mrl_cert_facts(bundle->certs[i]);
        MRL_AUTO(mrl_cert) copy = NULL;

        if (!mrl_bytes_eq(mrl_fingerprint_bytes(&f->fingerprint), mrl_fingerprint_bytes(root)))
            continue;
        MRL_TRY(mrl_cert_from_der(f->der, &copy));
        MRL_TRY(mrl_cert_list_add(to, MRL_TAKE(copy)));
    }
    if (to->count == 0)
        return mrl_fail(why, MRL_ERR_CRYPTO, "the server's bundle lacks the root certificate");
    return MRL_OK;
}

static mrl_err get_bundle(struct mrl_http_client *c, const struct mrl_fingerprint *root,
                          struct mrl_home *h, struct mrl_why *why)
{
    MRL_SCOPED(mrl_cert_list) bundle = {0};

    MRL_TRY(mrl_est_cacerts(c, &bundle, h->bundle, why));
    MRL_TRY(find_root(&bundle, root, &h->roots, why));
    return mrl_trust_take(h, &bundle, why);
}

/* ---- the folder ---- */

static mrl_err save_home(const struct mrl_home *h, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) json = {0};

    MRL_TRY(mrl_settings_write(&h->settings, &json));
    MRL_TRY(mrl_disk_replace(h->disk, h->dir, MRL_HOME_SETTINGS, mrl_buf_bytes(&json), why));
    return mrl_trust_save(h, why);
}

static mrl_err check_free(const struct mrl_enrol_options *o, const struct mrl_disk *disk,
                          struct mrl_why *why)
{
    struct mrl_home present;
    bool good;

    MRL_TRY(mrl_disk_folder(o->dir, why));
    MRL_TRY(mrl_wiping_make_room(disk, o->dir, why));
    if (mrl_home_open(&present, o->dir, disk, NULL) != MRL_OK)
        return MRL_OK;
    good = mrl_cert_facts(present.identity.cert)->not_after > mrl_device_now_s(&present.clock);
    mrl_home_done(&present);
    return good ? mrl_fail(why, MRL_ERR_EXISTS, "%s holds an identity that is still good", o->dir)
                : MRL_OK;
}

/* ---- all of it ---- */

/* What the server says of a token is the same for every reason. */
static mrl_err explain(mrl_err err, const struct mrl_settings *s, struct mrl_why *why)
{
    const struct mrl_why said = *why;

    if (err != MRL_ERR_AUTH)
        return err;
    return mrl_fail(why, err,
                    "%.120s; make a new one on the server (merlon token create --device %s) and "
                    "enrol again",
                    said.text, s->device);
}

/* Until here validity was not looked at. The certificate is signed over a key nobody had before, so
 * it was made after the request: no earlier time can be. Without Merlon-Time (another EST server)
 * that is the time. */
static mrl_err learn_time(const struct mrl_tls_context *tls, struct mrl_home *h,
                          const struct mrl_cert *cert, const struct mrl_est_told *told,
                          struct mrl_why *why)
{
    int64_t made_s = mrl_cert_facts(cert)->not_before, from, until;

    if (h->clock.known)
        return MRL_OK;
    MRL_TRY(mrl_tls_client_validity(tls, &from, &until));
    MRL_TRY(mrl_device_clock_learn(&h->clock, told->time_s != 0 ? told->time_s : made_s, from,
                                   until, mrl_wall_ms(), why));
    say("the clock of this machine is wrong; the server told the time");
    return MRL_OK;
}

struct asking {
    mrl_bytes token;
    const char *ek_chain_file; /* NULL: none */
};

static mrl_err prove(struct mrl_http_client *c, const struct mrl_home *h, const struct asking *a,
                     struct mrl_identity *i, struct mrl_est_told *told, struct mrl_why *why)
{
    MRL_SCOPED(mrl_cert_list) chain = {0};
    const struct mrl_prove p = {.tcti = h->settings.tpm,
                                .device = mrl_str(h->settings.device),
                                .token = a->token,
                                .chain = &chain};

    if (a->ek_chain_file != NULL)
        MRL_TRY(read_certificates(a->ek_chain_file, &chain, why));
    if (chain.count > MRL_PROVE_CHAIN_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "%s holds more than %d certificates",
                        a->ek_chain_file, MRL_PROVE_CHAIN_MAX);
    say("proving that the key is in the TPM");
    return mrl_prove_enrol(c, &p, i->key, &i->cert, told, why);
}

static mrl_err get_certificate(struct mrl_http_client *c, const struct mrl_home *h,
                               const struct asking *a, struct mrl_identity *i,
                               struct mrl_est_told *told, struct mrl_why *why)
{
    if (h->settings.tpm[0] != '\0')
        return prove(c, h, a, i, told, why);
    say("asking for a certificate");
    return mrl_est_enrol(c, &h->settings, a->token, i->key, &i->cert, told, why);
}

/* The token is spent when the server answers; so everything else is on the disk before. When the
 * answer gets lost, the same token and key bring it again. */
static mrl_err get_identity(struct mrl_http_client *c, const struct mrl_tls_context *tls,
                            struct mrl_home *h, const struct asking *a, struct mrl_identity *i,
                            struct mrl_why *why)
{
    mrl_bytes device = mrl_str(h->settings.device);
    struct mrl_est_told told = {0};

    MRL_TRY(mrl_home_next_key(h, &i->key, why));
    MRL_TRY(explain(get_certificate(c, h, a, i, &told, why), &h->settings, why));
    MRL_TRY(learn_time(tls, h, i->cert, &told, why));
    MRL_TRY(mrl_est_judge(i->cert, i->key, device, &h->ca, &h->roots, mrl_device_now_s(&h->clock),
                          why));
    MRL_TRY(mrl_home_save_offer(h, i->cert, &told.offer, why));
    MRL_TRY(mrl_home_save_identity(h, MRL_HOME_IDENTITY, i, why));
    MRL_TRY(mrl_disk_remove(h->disk, h->dir, MRL_HOME_NEXT, why));
    return mrl_disk_remove(h->disk, h->dir, MRL_HOME_NEXT_KEY, why);
}

static mrl_err enrol(const struct mrl_enrol_options *o, struct mrl_home *h, struct mrl_identity *i,
                     struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) token = NULL;
    MRL_AUTO(mrl_tls_context) tls = NULL;
    MRL_AUTO(mrl_http_client) c = NULL;
    struct mrl_http_client_config config = {.timeout_ms = MRL_EST_TIMEOUT_MS};
    struct mrl_tls_clock clock = {0};
    struct mrl_fingerprint root;
    struct asking asking;

    MRL_TRY(settle(o, &h->settings, why));
    MRL_TRY(read_token(o->token_file, &token, why));
    MRL_TRY(open_client(o, h, &tls, &root, why));
    config.server = mrl_str(h->settings.server);
    config.server_name = mrl_str(h->settings.name);
    config.tls = tls;
    mrl_home_look_at_clock(h);
    clock.unknown = !h->clock.known;
    mrl_tls_client_set_clock(tls, &clock);
    MRL_TRY(mrl_http_client_new(&config, &c, why));
    say("fetching the CA certificates");
    MRL_TRY(get_bundle(c, &root, h, why));
    MRL_TRY(save_home(h, why));
    if (h->settings.tpm[0] == '\0') /* a key in a TPM is of the kind that every TPM has */
        MRL_TRY(mrl_est_key_type(c, &h->settings, &h->next_type, why));
    asking = (struct asking){mrl_secret_bytes(token), o->ek_chain_file};
    return get_identity(c, tls, h, &asking, i, why);
}

mrl_err mrl_agent_enrol(const struct mrl_enrol_options *o, const struct mrl_disk *disk,
                        struct mrl_why *why)
{
    struct mrl_home h = {.dir = o->dir, .disk = disk};
    struct mrl_identity i = {0};
    char until[MRL_TIME_TEXT];
    mrl_err err;

    MRL_TRY(check_free(o, disk, why));
    err = enrol(o, &h, &i, why);
    if (err == MRL_OK) {
        mrl_time_format(mrl_cert_facts(i.cert)->not_after * 1000, until);
        printf("enrol: %s is enrolled, certificate valid until %s\n", h.settings.device, until);
    }
    mrl_identity_done(&i);
    mrl_home_done(&h);
    return err;
}
