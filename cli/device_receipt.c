/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device_receipt.h"

#include <stdio.h>

#include "base/hex.h"
#include "cli/file.h"
#include "cli/request.h"
#include "cli/target.h"
#include "crypto/hash.h"
#include "crypto/key.h"

enum { PATH = 1024, PUBLIC_MODE = 0644, PEM_COLUMNS = 64 };

const struct mrl_cli_option mrl_device_receipt_options[] = {
    {"out", "DIR", "Where message, signature and key.pem are written (else here)."},
    {NULL},
};

struct receipt {
    mrl_bytes order, message; /* views of the answer */
    struct mrl_buf signature, spki;
};

static void receipt_done(struct receipt *r)
{
    mrl_buf_done(&r->signature);
    mrl_buf_done(&r->spki);
}

static mrl_exit read_receipt(struct mrl_cli *cli, const json_t *device, struct receipt *out)
{
    mrl_bytes state = mrl_cli_text_of(device, "wipe.state");

    if (state.len == 0)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "this device has no wipe order");
    if (!mrl_bytes_eq(state, MRL_LIT("answered")))
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "no receipt: the wipe order is %.*s",
                            MRL_FMT(state));
    out->order = mrl_cli_text_of(device, "wipe.order");
    out->message = mrl_cli_text_of(device, "wipe.message");
    if (mrl_base64_read(mrl_cli_text_of(device, "wipe.signature"), &out->signature) != MRL_OK ||
        mrl_base64_read(mrl_cli_text_of(device, "wipe.public_key"), &out->spki) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the server's answer cannot be read");
    return MRL_EXIT_OK;
}

/* What it must begin with. */
static mrl_err write_expected(const struct receipt *r, const char *device, struct mrl_buf *out)
{
    uint8_t hash[MRL_SHA256_SIZE];
    char hex[2 * MRL_SHA256_SIZE + 1];

    MRL_TRY(mrl_sha256(mrl_buf_bytes(&r->spki), hash));
    mrl_hex(mrl_bytes_of(hash, sizeof(hash)), hex);
    return mrl_buf_printf(out, "merlon wipe receipt v1\ndevice %s\norder %.*s\nkey %s\ntime ",
                          device, MRL_FMT(r->order), hex);
}

static mrl_exit check(struct mrl_cli *cli, const char *device, const struct receipt *r,
                      enum mrl_key_type *type)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) text = {0};

    if (mrl_key_from_spki(mrl_buf_bytes(&r->spki), &key, &cli->why) != MRL_OK)
        return MRL_EXIT_UNVERIFIED;
    if (write_expected(r, device, &text) != MRL_OK ||
        !mrl_bytes_starts(r->message, mrl_buf_bytes(&text)))
        return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED,
                            "the receipt is not of this device, order and key");
    if (mrl_key_verify(key, mrl_key_algorithm(key), r->message, mrl_buf_bytes(&r->signature)) !=
        MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED, "the receipt was not signed by this key");
    *type = mrl_key_type(key);
    return MRL_EXIT_OK;
}

static mrl_exit write_file(struct mrl_cli *cli, const char *dir, const char *name, mrl_bytes data)
{
    char path[PATH];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

    if (n < 0 || (size_t)n >= sizeof(path))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%.80s...: too long", dir);
    MRL_EXIT_TRY(mrl_cli_file_folders(cli, path));
    return mrl_cli_file_create(cli, path, PUBLIC_MODE, data);
}

static mrl_exit write_files(struct mrl_cli *cli, const char *dir, const struct receipt *r)
{
    MRL_SCOPED(mrl_buf) pem = {0};

    (void)mrl_buf_append(&pem, MRL_LIT("-----BEGIN PUBLIC KEY-----\n")); /* no limit set */
    (void)mrl_base64_write(mrl_buf_bytes(&r->spki), PEM_COLUMNS, &pem);
    (void)mrl_buf_append(&pem, MRL_LIT("-----END PUBLIC KEY-----\n"));
    MRL_EXIT_TRY(write_file(cli, dir, "message", r->message));
    MRL_EXIT_TRY(write_file(cli, dir, "signature", mrl_buf_bytes(&r->signature)));
    return write_file(cli, dir, "key.pem", mrl_buf_bytes(&pem));
}

static void tell(struct mrl_cli *cli, const char *dir, enum mrl_key_type type)
{
    const char *digest = type == MRL_KEY_P384 ? "sha384" : "sha256";

    mrl_cli_say(cli, "The receipt holds: the key of this device signed it.");
    mrl_cli_say(cli, "Written:  message, signature and key.pem in %s", dir);
    if (type == MRL_KEY_ED25519)
        mrl_cli_say(cli, "To check:  openssl pkeyutl -verify -rawin -pubin -inkey key.pem -sigfile "
                         "signature -in message");
    else
        mrl_cli_say(cli, "To check:  openssl dgst -%s -verify key.pem -signature signature message",
                    digest);
}

mrl_exit mrl_device_receipt(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    const char *device = mrl_cli_operand(given, 0), *out = mrl_cli_value(given, "out");
    const char *dir = out != NULL ? out : ".";
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(receipt) r = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    enum mrl_key_type type;

    mrl_cli_target(&target, "/v1/devices", device);
    MRL_EXIT_TRY(mrl_cli_get(cli, mrl_buf_bytes(&target), &answer));
    MRL_EXIT_TRY(read_receipt(cli, answer.json, &r));
    MRL_EXIT_TRY(check(cli, device, &r, &type));
    MRL_EXIT_TRY(write_files(cli, dir, &r));
    if (cli->json)
        mrl_cli_print_json(cli, mrl_cli_member(answer.json, "wipe"));
    else
        tell(cli, dir, type);
    return MRL_EXIT_OK;
}
