/* SPDX-License-Identifier: Apache-2.0 */
/* A public key from a stranger: whatever it is, the verdict has a name, and only a key that is
 * accepted can be weak. */
#include <stdlib.h>

#include "crypto/key.h"
#include "crypto/weak_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes spki = mrl_bytes_of(data, size), modulus;
    enum mrl_key_weakness w = mrl_key_weakness(spki);
    MRL_AUTO(mrl_key) key = NULL;

    if (w >= MRL_KEY_WEAKNESS_COUNT_ || mrl_key_weakness_name(w) == NULL)
        abort();
    if (w != MRL_KEY_SOUND && mrl_key_from_spki(spki, &key, NULL) != MRL_OK)
        abort();
    if (mrl_spki_modulus(spki, &modulus) == MRL_OK && modulus.len > size)
        abort();
    return 0;
}
