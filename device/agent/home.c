/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/home.h"

#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/json.h"
#include "device/agent/chip.h"
#include "device/agent/chip_key.h"
#include "device/agent/offer.h"

enum { FILE_LIMIT = 256 << 10 };

/* ---- settings ---- */

static mrl_err read_text(const json_t *root, const char *key, char *to, size_t cap,
                         struct mrl_why *why)
{
    mrl_bytes text;

    MRL_TRY(mrl_json_get_str(root, key, &text, why));
    if (text.len == 0 || !mrl_bytes_to_cstr(text, to, cap))
        return mrl_fail(why, MRL_ERR_INVALID, "%s is empty or too long", key);
    return MRL_OK;
}

mrl_err mrl_settings_read(mrl_bytes json, struct mrl_settings *out, struct mrl_why *why)
{
    static const char *const keys[] = {"device", "server", "mqtt", "name", "profile", "tpm", NULL};
    MRL_AUTO(json_t) root = NULL;
    struct mrl_settings s = {0};

    MRL_TRY(mrl_json_read(json, &MRL_JSON_LIMITS_DEFAULT, &root, why));
    MRL_TRY(mrl_json_only(root, keys, why));
    MRL_TRY(read_text(root, "device", s.device, sizeof(s.device), why));
    MRL_TRY(read_text(root, "server", s.server, sizeof(s.server), why));
    MRL_TRY(read_text(root, "mqtt", s.mqtt, sizeof(s.mqtt), why));
    MRL_TRY(read_text(root, "name", s.name, sizeof(s.name), why));
    if (json_object_get(root, "tpm") != NULL)
        MRL_TRY(read_text(root, "tpm", s.tpm, sizeof(s.tpm), why));
    if (json_object_get(root, "profile") != NULL)
        MRL_TRY(read_text(root, "profile", s.profile, sizeof(s.profile), why));
    if (!mrl_id_valid(mrl_str(s.device)))
        return mrl_fail(why, MRL_ERR_INVALID, "device is no valid id");
    if (s.profile[0] != '\0' && !mrl_label_valid(mrl_str(s.profile)))
        return mrl_fail(why, MRL_ERR_INVALID, "profile is no valid label");
    *out = s;
    return MRL_OK;
}

mrl_err mrl_settings_write(const struct mrl_settings *s, struct mrl_buf *out)
{
    MRL_AUTO(json_t) root = mrl_json_object();

    MRL_TRY(mrl_json_set_str(root, "device", mrl_str(s->device)));
    MRL_TRY(mrl_json_set_str(root, "server", mrl_str(s->server)));
    MRL_TRY(mrl_json_set_str(root, "mqtt", mrl_str(s->mqtt)));
    MRL_TRY(mrl_json_set_str(root, "name", mrl_str(s->name)));
    if (s->tpm[0] != '\0')
        MRL_TRY(mrl_json_set_str(root, "tpm", mrl_str(s->tpm)));
    if (s->profile[0] != '\0')
        MRL_TRY(mrl_json_set_str(root, "profile", mrl_str(s->profile)));
    return mrl_json_write(root, out);
}

/* ---- identity ---- */

void mrl_identity_done(struct mrl_identity *i)
{
    mrl_key_free(i->key);
    mrl_cert_free(i->cert);
    *i = (struct mrl_identity){0};
}

mrl_err mrl_identity_write(const struct mrl_identity *i, struct mrl_buf *out)
{
    MRL_AUTO(mrl_secret) pem = NULL;

    MRL_TRY(mrl_key_to_pem(i->key, MRL_BYTES_NONE, &pem));
    MRL_TRY(mrl_buf_append(out, mrl_secret_bytes(pem)));
    return mrl_cert_to_pem(i->cert, out);
}

static mrl_err read_key(mrl_bytes pem, const char *tpm, struct mrl_key **out, struct mrl_why *why)
{
    return mrl_chip_key_is_in(pem) ? mrl_chip_key_open(tpm, pem, out, why)
                                   : mrl_key_from_pem(pem, MRL_BYTES_NONE, out);
}

mrl_err mrl_identity_read(mrl_bytes pem, const char *tpm, struct mrl_identity *out,
                          struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(mrl_key) certified = NULL;
    MRL_AUTO(mrl_cert) cert = NULL;
    mrl_err err = read_key(pem, tpm, &key, why);

    if (err == MRL_OK)
        err = mrl_cert_from_pem(pem, &cert);
    if (err == MRL_OK)
        err = mrl_cert_key(cert, &certified);
    if (err != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT, "identity cannot be read: %s", mrl_err_name(err));
    if (!mrl_key_public_eq(key, certified))
        return mrl_fail(why, MRL_ERR_CORRUPT, "key and certificate do not belong together");
    out->key = MRL_TAKE(key);
    out->cert = MRL_TAKE(cert);
    return MRL_OK;
}

mrl_err mrl_home_load_identity(const struct mrl_home *h, const char *name, struct mrl_identity *out,
                               struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) pem = {.limit = FILE_LIMIT};
    struct mrl_identity i = {0};
    mrl_err err = mrl_disk_read(h->dir, name, &pem, why);

    if (err == MRL_OK)
        err = mrl_identity_read(mrl_buf_bytes(&pem), h->settings.tpm, &i, why);
    mrl_wipe(pem.data, pem.len);
    MRL_TRY(err);
    if (!mrl_bytes_eq(mrl_cert_facts(i.cert)->cn, mrl_str(h->settings.device))) {
        mrl_identity_done(&i);
        return mrl_fail(why, MRL_ERR_CORRUPT, "%s is of another device", name);
    }
    i.since_s = mrl_disk_written(h->dir, name);
    *out = i;
    return MRL_OK;
}

mrl_err mrl_home_save_identity(const struct mrl_home *h, const char *name,
                               const struct mrl_identity *i, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) pem = {0};
    mrl_err err;

    /* Room at once: growing would leave copies of the key behind. */
    MRL_TRY(mrl_buf_reserve(&pem, FILE_LIMIT, &(uint8_t *){NULL}));
    err = mrl_identity_write(i, &pem);
    if (err == MRL_OK)
        err = mrl_disk_replace(h->disk, h->dir, name, mrl_buf_bytes(&pem), why);
    mrl_wipe(pem.data, pem.len);
    return err;
}

/* MRL_ERR_EXISTS: the identity has that key already, only the end of its enrolment was cut off. */
static mrl_err load_next_key(const struct mrl_home *h, struct mrl_key **out)
{
    MRL_SCOPED(mrl_buf) pem = {.limit = FILE_LIMIT};
    MRL_AUTO(mrl_key) key = NULL;
    mrl_err err = mrl_disk_read(h->dir, MRL_HOME_NEXT_KEY, &pem, NULL);
    const bool in_tpm = mrl_chip_key_is_in(mrl_buf_bytes(&pem)),
               wanted = h->settings.tpm[0] != '\0';

    if (err == MRL_OK && in_tpm != wanted)
        err = MRL_ERR_STATE;
    if (err == MRL_OK)
        err = read_key(mrl_buf_bytes(&pem), h->settings.tpm, &key, NULL);
    mrl_wipe(pem.data, pem.len);
    MRL_TRY(err);
    if (mrl_key_type(key) != h->next_type ||
        (h->identity.key != NULL && mrl_key_public_eq(key, h->identity.key)))
        return MRL_ERR_EXISTS;
    *out = MRL_TAKE(key);
    return MRL_OK;
}

static mrl_err same_key(const struct mrl_home *h, struct mrl_key **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) pem = NULL;

    MRL_TRY(mrl_key_to_pem(h->identity.key, MRL_BYTES_NONE, &pem));
    return mrl_chip_key_open(h->settings.tpm, mrl_secret_bytes(pem), out, why);
}

mrl_err mrl_home_next_key(const struct mrl_home *h, struct mrl_key **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(mrl_secret) pem = NULL;

    if (h->settings.tpm[0] != '\0' && h->identity.key != NULL)
        return same_key(h, out, why);
    /* One that was cut short is as good as none: no certificate can belong to it. */
    if (load_next_key(h, out) == MRL_OK)
        return MRL_OK;
    MRL_TRY(h->settings.tpm[0] != '\0' ? mrl_chip_key_make(h->settings.tpm, &key, why)
                                       : mrl_key_generate(h->next_type, &key, why));
    MRL_TRY(mrl_key_to_pem(key, MRL_BYTES_NONE, &pem));
    MRL_TRY(mrl_disk_replace(h->disk, h->dir, MRL_HOME_NEXT_KEY, mrl_secret_bytes(pem), why));
    *out = MRL_TAKE(key);
    return MRL_OK;
}

/* ---- all of it ---- */

static mrl_err load_certs(const char *dir, const char *name, struct mrl_cert_list *out,
                          struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) pem = {.limit = FILE_LIMIT};
    mrl_err err;

    MRL_TRY(mrl_disk_read(dir, name, &pem, why));
    err = mrl_cert_list_add_pem(out, mrl_buf_bytes(&pem));
    return err == MRL_OK ? MRL_OK
                         : mrl_fail(why, MRL_ERR_CORRUPT, "%s: %s", name, mrl_err_name(err));
}

/* Without it the server is not told, and it is fetched again. */
static void load_bundle(struct mrl_home *h)
{
    MRL_SCOPED(mrl_buf) text = {.limit = MRL_BUNDLE_TEXT};

    if (mrl_disk_read(h->dir, MRL_HOME_BUNDLE, &text, NULL) != MRL_OK ||
        text.len != MRL_BUNDLE_TEXT - 1 ||
        !mrl_bytes_to_cstr(mrl_buf_bytes(&text), h->bundle, sizeof(h->bundle)))
        h->bundle[0] = '\0';
}

static mrl_err load(struct mrl_home *h, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) json = {.limit = FILE_LIMIT};

    MRL_TRY(mrl_disk_read(h->dir, MRL_HOME_SETTINGS, &json, why));
    MRL_TRY(mrl_settings_read(mrl_buf_bytes(&json), &h->settings, why));
    MRL_TRY(load_certs(h->dir, MRL_HOME_ROOT, &h->roots, why));
    MRL_TRY(load_certs(h->dir, MRL_HOME_CA, &h->ca, why));
    load_bundle(h);
    MRL_TRY(mrl_home_load_identity(h, MRL_HOME_IDENTITY, &h->identity, why));
    h->next_type = mrl_key_type(h->identity.key);
    return MRL_OK;
}

mrl_err mrl_home_open(struct mrl_home *h, const char *dir, const struct mrl_disk *disk,
                      struct mrl_why *why)
{
    mrl_err err;

    *h = (struct mrl_home){.dir = dir, .disk = disk};
    err = load(h, why);
    if (err != MRL_OK)
        mrl_home_done(h);
    else
        mrl_home_look_at_clock(h);
    return err;
}

void mrl_home_look_at_clock(struct mrl_home *h)
{
    int64_t made_s = h->identity.cert == NULL ? 0 : mrl_cert_facts(h->identity.cert)->not_before;

    mrl_device_clock_look(&h->clock, made_s, mrl_wall_ms());
}

static void fingerprint_of(const struct mrl_cert *cert, char hex[static 2 * MRL_SHA256_SIZE + 1])
{
    mrl_hex(mrl_fingerprint_bytes(&mrl_cert_facts(cert)->fingerprint), hex);
}

mrl_err mrl_home_save_offer(const struct mrl_home *h, const struct mrl_cert *cert,
                            const struct mrl_offer *offer, struct mrl_why *why)
{
    char hex[2 * MRL_SHA256_SIZE + 1];
    MRL_SCOPED(mrl_buf) json = {0};

    if (offer->start_s == 0)
        return MRL_OK;
    fingerprint_of(cert, hex);
    MRL_TRY(mrl_offer_write(offer, mrl_str(hex), &json));
    return mrl_disk_replace(h->disk, h->dir, MRL_HOME_RENEWAL, mrl_buf_bytes(&json), why);
}

void mrl_home_load_offer(const struct mrl_home *h, struct mrl_offer *out)
{
    char hex[2 * MRL_SHA256_SIZE + 1];
    MRL_SCOPED(mrl_buf) json = {.limit = MRL_OFFER_TEXT_MAX};

    *out = (struct mrl_offer){0};
    fingerprint_of(h->identity.cert, hex);
    if (mrl_disk_read(h->dir, MRL_HOME_RENEWAL, &json, NULL) == MRL_OK)
        (void)mrl_offer_read(mrl_buf_bytes(&json), mrl_str(hex), out); /* none is as good */
}

void mrl_home_done(struct mrl_home *h)
{
    mrl_cert_list_done(&h->roots);
    mrl_cert_list_done(&h->ca);
    mrl_identity_done(&h->identity);
}

static mrl_err add_copy(struct mrl_cert_list *out, const struct mrl_cert *c)
{
    struct mrl_cert *copy = NULL;

    MRL_TRY(mrl_cert_from_der(mrl_cert_facts(c)->der, &copy));
    return mrl_cert_list_add(out, copy);
}

mrl_err mrl_home_chain(const struct mrl_home *h, const struct mrl_cert *leaf,
                       struct mrl_cert_list *out)
{
    MRL_TRY(add_copy(out, leaf));
    for (size_t i = 0; i < h->ca.count; i++)
        if (mrl_cert_verify_signature(leaf, h->ca.certs[i]) == MRL_OK)
            return add_copy(out, h->ca.certs[i]);
    return MRL_OK; /* issued by the root itself */
}
