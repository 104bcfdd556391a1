/* SPDX-License-Identifier: Apache-2.0 */
/* merlon-unlock: talks to a TPM or to a PKCS#11 module for merlon-keys, which starts it with a
 * socket as descriptor 3 and ends it. */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/hardware/confine.h"
#include "keys/hardware/hardware.h"

enum { CHANNEL = 3, EXIT_USAGE = 2 };

typedef mrl_err answer_function(const struct mrl_unlock_request *q, struct mrl_secret **out,
                                struct mrl_why *why);
struct hardware {
    answer_function *unlock, *make_key, *sign;
    mrl_err (*hold)(const struct mrl_unlock_request *q, struct mrl_why *why);
};
static const struct hardware tpm = {mrl_tpm_answer, mrl_tpm_make_key, mrl_tpm_sign, mrl_tpm_hold};
static const struct hardware pkcs11 = {mrl_pkcs11_answer, mrl_pkcs11_make_key, mrl_pkcs11_sign,
                                       mrl_pkcs11_hold};

static mrl_err answer_by(const struct hardware *h, const struct mrl_unlock_request *q,
                         struct mrl_secret **content, struct mrl_why *why)
{
    switch (q->operation) {
    case MRL_UNLOCK_MAKE_KEY:
        return h->make_key(q, content, why);
    case MRL_UNLOCK_SIGN:
        return h->sign(q, content, why);
    case MRL_UNLOCK_HOLD:
        MRL_TRY(h->hold(q, why));
        return mrl_confine(why);
    case MRL_UNLOCK_MAKE:
    case MRL_UNLOCK_OPEN:
        return h->unlock(q, content, why);
    }
    return MRL_ERR_MALFORMED; /* the reader lets no other through */
}

static mrl_err answer_request(mrl_bytes message, struct mrl_secret **content, struct mrl_why *why)
{
    struct mrl_unlock_request q;

    if (mrl_unlock_read_request(message, &q) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED,
                        "merlon-unlock and merlon-keys are not of one version");
    return q.kind == MRL_UNLOCK_TPM ? answer_by(&tpm, &q, content, why)
                                    : answer_by(&pkcs11, &q, content, why);
}

static bool send_answer(mrl_err err, const struct mrl_secret *content, const struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) out = mrl_secret_new(MRL_UNLOCK_MESSAGE_MAX);
    struct mrl_writer w = mrl_writer_on(mrl_secret_data(out), MRL_UNLOCK_MESSAGE_MAX);
    struct mrl_unlock_answer a = {
        err, err == MRL_OK ? (content != NULL ? mrl_secret_bytes(content) : MRL_BYTES_NONE)
                           : mrl_str(why->text)};

    return mrl_unlock_write_answer(&a, &w) == MRL_OK &&
           send(CHANNEL, w.data, w.len, MSG_NOSIGNAL) == (ssize_t)w.len;
}

static bool serve_one(void)
{
    MRL_AUTO(mrl_secret) in = mrl_secret_new(MRL_UNLOCK_MESSAGE_MAX);
    MRL_AUTO(mrl_secret) content = NULL;
    struct mrl_why why = {0};
    ssize_t len = recv(CHANNEL, mrl_secret_data(in), MRL_UNLOCK_MESSAGE_MAX, 0);
    mrl_err err;

    if (len <= 0)
        return false;
    err = answer_request(mrl_bytes_sub(mrl_secret_bytes(in), 0, (size_t)len), &content, &why);
    return send_answer(err, content, &why);
}

int main(void)
{
    struct stat st;

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || fstat(CHANNEL, &st) != 0 ||
        !S_ISSOCK(st.st_mode)) {
        (void)fputs("merlon-unlock is started by merlon-keys\n", stderr);
        return EXIT_USAGE;
    }
    while (serve_one())
        ;
    return 0;
}
