/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/witness_answer.h"

static const struct mrl_note_signature *signature_of(const struct mrl_note *n,
                                                     const struct mrl_note_key *k)
{
    for (size_t i = 0; i < n->count; i++)
        if (n->signatures[i].id == k->id && mrl_bytes_eq(n->signatures[i].name, mrl_str(k->name)))
            return &n->signatures[i];
    return NULL;
}

mrl_err mrl_witness_cosignature(mrl_bytes body, mrl_bytes text, const struct mrl_note_key *witness,
                                struct mrl_buf *line, uint64_t *time)
{
    MRL_SCOPED(mrl_buf) note = {0};
    const struct mrl_note_signature *s;
    struct mrl_note parsed;

    MRL_TRY(mrl_buf_append(&note, text));
    MRL_TRY(mrl_buf_append(&note, MRL_LIT("\n")));
    MRL_TRY(mrl_buf_append(&note, body));
    MRL_ENSURE(mrl_note_read(mrl_buf_bytes(&note), &parsed, NULL) == MRL_OK &&
                   mrl_bytes_eq(parsed.text, text),
               MRL_ERR_MALFORMED);
    MRL_TRY(mrl_note_check(&parsed, witness, time));
    s = signature_of(&parsed, witness);
    MRL_ENSURE(s != NULL, MRL_ERR_NOT_FOUND);
    return mrl_note_put_signature(line, s->name, s->id, mrl_bytes_of(s->bytes, s->len));
}

mrl_err mrl_witness_size(mrl_bytes body, uint64_t *out)
{
    MRL_ENSURE(mrl_bytes_ends(body, MRL_LIT("\n")), MRL_ERR_MALFORMED);
    return mrl_bytes_to_u64(mrl_bytes_sub(body, 0, body.len - 1), MRL_TLOG_SIZE_MAX, out)
               ? MRL_OK
               : MRL_ERR_MALFORMED;
}
