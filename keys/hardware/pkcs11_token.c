/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/hardware/pkcs11_token.h"

#include <dlfcn.h>
#include <string.h>

#include "keys/unlock_message.h"

enum { SLOTS_MAX = 64, LABEL = 32 };

mrl_err mrl_token_fail(const char *doing, CK_RV rv, struct mrl_why *why)
{
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID)
        return mrl_fail(why, MRL_ERR_AUTH, "the PIN of the token is wrong");
    if (rv == CKR_PIN_LOCKED)
        return mrl_fail(why, MRL_ERR_BUSY,
                        "the PIN of the token is locked: its security officer must set a new one");
    if (rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_DEVICE_REMOVED)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "the token was taken out");
    return mrl_fail(why, MRL_ERR_IO, "the token could not %s: PKCS#11 error 0x%lx", doing, rv);
}

static mrl_err fail_module(mrl_bytes path, const char *what, struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_NOT_FOUND, "%.*s is no PKCS#11 module: %.100s", MRL_FMT(path),
                    what);
}

static mrl_err load(mrl_bytes path, struct mrl_token *t, struct mrl_why *why)
{
    char name[MRL_UNLOCK_TEXT_MAX + 1];
    CK_C_GetFunctionList get = NULL;

    if (!mrl_bytes_to_cstr(path, name, sizeof(name)))
        return mrl_fail(why, MRL_ERR_INVALID, "the path of the module is too long");
    t->module = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (t->module == NULL)
        return fail_module(path, dlerror(), why); /* NOLINT(concurrency-mt-unsafe): one thread */
    *(void **)&get = dlsym(t->module, "C_GetFunctionList");
    if (get == NULL || get(&t->call) != CKR_OK || t->call == NULL)
        return fail_module(path, "it has no list of functions", why);
    return MRL_OK;
}

static mrl_err initialise(struct mrl_token *t, struct mrl_why *why)
{
    CK_RV rv = t->call->C_Initialize(NULL);

    if (rv != CKR_OK)
        return mrl_token_fail("be initialised (see pkcs11_env in [keys])", rv, why);
    t->initialised = true;
    return MRL_OK;
}

/* Labels are padded with blanks (PKCS#11 2.40, 3.2: CK_TOKEN_INFO). */
static bool has_label(const CK_TOKEN_INFO *info, mrl_bytes label)
{
    mrl_bytes padded = mrl_bytes_of(info->label, LABEL);

    while (padded.len > 0 && padded.data[padded.len - 1] == ' ')
        padded.len--;
    return mrl_bytes_eq(padded, label);
}

static mrl_err find_slot(const struct mrl_token *t, mrl_bytes label, CK_SLOT_ID *out,
                         CK_FLAGS *flags, struct mrl_why *why)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    CK_RV rv = t->call->C_GetSlotList(CK_TRUE, slots, &count);
    unsigned found = 0;

    if (rv != CKR_OK)
        return mrl_token_fail("list its slots", rv, why);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info;

        if (t->call->C_GetTokenInfo(slots[i], &info) != CKR_OK || !has_label(&info, label))
            continue;
        *out = slots[i];
        *flags = info.flags;
        found++;
    }
    if (found != 1)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "%s token is labelled %.*s: see pkcs11_token%s",
                        found == 0 ? "no" : "more than one", MRL_FMT(label),
                        found == 0 ? ", and whether it is plugged in" : "");
    return MRL_OK;
}

static mrl_err check_tries(CK_FLAGS flags, struct mrl_why *why)
{
    if ((flags & CKF_USER_PIN_LOCKED) != 0)
        return mrl_token_fail("log in", CKR_PIN_LOCKED, why);
    if ((flags & CKF_USER_PIN_FINAL_TRY) != 0) /* a daemon that is restarted would lock it */
        return mrl_fail(why, MRL_ERR_BUSY,
                        "one more wrong PIN would lock the token, so none is tried: log in once by "
                        "hand (pkcs11-tool --login), then start again");
    return MRL_OK;
}

static mrl_err log_in(struct mrl_token *t, mrl_bytes pin, struct mrl_why *why)
{
    CK_RV rv = t->call->C_Login(t->session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin.data, pin.len);

    if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
        return mrl_token_fail("log in", rv, why);
    return MRL_OK;
}

mrl_err mrl_token_open(mrl_bytes module, mrl_bytes label, mrl_bytes pin, bool writes,
                       struct mrl_token *out, struct mrl_why *why)
{
    CK_SLOT_ID slot = 0;
    CK_FLAGS flags = 0;
    CK_RV rv;

    MRL_TRY(load(module, out, why));
    MRL_TRY(initialise(out, why));
    MRL_TRY(find_slot(out, label, &slot, &flags, why));
    MRL_TRY(check_tries(flags, why));
    rv = out->call->C_OpenSession(slot, CKF_SERIAL_SESSION | (writes ? CKF_RW_SESSION : 0), NULL,
                                  NULL, &out->session);
    if (rv != CKR_OK)
        return mrl_token_fail("open a session", rv, why);
    out->has_session = true;
    return log_in(out, pin, why);
}

/* The module stays loaded: many do not survive dlclose, and this process ends soon. */
void mrl_token_done(struct mrl_token *t)
{
    if (t->has_session) {
        (void)t->call->C_Logout(t->session); /* closing it would do */
        (void)t->call->C_CloseSession(t->session);
    }
    if (t->initialised)
        (void)t->call->C_Finalize(NULL);
    *t = (struct mrl_token){0};
}
