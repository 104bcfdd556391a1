/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 module that does what no token in software can be brought to. $TOKEN says what:
 * "final-try", "locked": what the token says about its PIN (a login then is a failure of the
 * test: it would lock a real one); "crash", "hang": in C_Initialize; "wrong-pin": at login;
 * "extractable": says that of its key; "strange-iv": works, with "encryption" by XOR, and puts an
 * IV of its own in the place of ours. */
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAG = 16, IV = 12 };

static int is(const char *what)
{
    const char *mode = getenv("TOKEN");

    return mode != NULL && strcmp(mode, what) == 0;
}

static CK_RV initialize(void *arguments)
{
    (void)arguments;
    if (is("crash"))
        abort();
    if (is("hang"))
        for (;;)
            (void)pause();
    return CKR_OK;
}

static CK_RV finalize(void *reserved)
{
    (void)reserved;
    return CKR_OK;
}

static CK_RV get_slots(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    (void)present;
    slots[0] = 1;
    *count = 1;
    return CKR_OK;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    (void)slot;
    memset(info, ' ', sizeof(*info));
    memcpy(info->label, "fake", 4);
    info->flags = is("final-try") ? CKF_USER_PIN_FINAL_TRY : is("locked") ? CKF_USER_PIN_LOCKED : 0;
    return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *out)
{
    (void)slot;
    (void)flags;
    (void)application;
    (void)notify;
    *out = 1;
    return CKR_OK;
}

static CK_RV session_call(CK_SESSION_HANDLE session)
{
    (void)session;
    return CKR_OK;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len)
{
    (void)session;
    (void)user;
    (void)pin;
    (void)len;
    if (is("final-try") || is("locked"))
        abort();
    return is("wrong-pin") ? CKR_PIN_INCORRECT : CKR_OK;
}

static CK_RV find_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count)
{
    (void)session;
    (void)wanted;
    (void)count;
    return CKR_OK;
}

static CK_RV find(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *found, CK_ULONG most,
                  CK_ULONG *count)
{
    (void)session;
    (void)most;
    found[0] = 1;
    *count = 1;
    return CKR_OK;
}

static CK_RV get_attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *asked,
                           CK_ULONG count)
{
    (void)session;
    (void)object;
    (void)count;
    *(CK_BBOOL *)asked->pValue = is("extractable") ? CK_TRUE : CK_FALSE;
    return CKR_OK;
}

static CK_BYTE iv[IV];

static CK_RV crypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    (void)session;
    (void)key;
    memcpy(iv, *(CK_BYTE **)mechanism->pParameter, IV); /* the first field of CK_GCM_PARAMS */
    return CKR_OK;
}

static CK_RV encrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    memset(*(CK_BYTE **)mechanism->pParameter, 0x5a, IV);
    return crypt_init(session, mechanism, key);
}

static CK_RV encrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len, CK_BYTE *out,
                     CK_ULONG *out_len)
{
    (void)session;
    for (CK_ULONG i = 0; i < len; i++)
        out[i] = in[i] ^ iv[i % IV];
    memset(out + len, 't', TAG);
    *out_len = len + TAG;
    return CKR_OK;
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG len, CK_BYTE *out,
                     CK_ULONG *out_len)
{
    (void)session;
    for (CK_ULONG i = 0; i < len - TAG; i++)
        out[i] = in[i] ^ iv[i % IV];
    *out_len = len - TAG;
    return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out);
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **out)
{
    static CK_FUNCTION_LIST list = {.C_Initialize = initialize,
                                    .C_Finalize = finalize,
                                    .C_GetSlotList = get_slots,
                                    .C_GetTokenInfo = get_token_info,
                                    .C_OpenSession = open_session,
                                    .C_CloseSession = session_call,
                                    .C_Logout = session_call,
                                    .C_Login = login,
                                    .C_FindObjectsInit = find_init,
                                    .C_FindObjects = find,
                                    .C_FindObjectsFinal = session_call,
                                    .C_GetAttributeValue = get_attribute,
                                    .C_EncryptInit = encrypt_init,
                                    .C_Encrypt = encrypt,
                                    .C_DecryptInit = crypt_init,
                                    .C_Decrypt = decrypt};

    *out = &list;
    return CKR_OK;
}
