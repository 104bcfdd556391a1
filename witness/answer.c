/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/answer.h"

#include <inttypes.h>

enum { OK = 200, BAD_REQUEST = 400, FORBIDDEN = 403, NOT_FOUND = 404, CONFLICT = 409 };
enum { UNPROCESSABLE = 422, SERVER_ERROR = 500 };

static const char plain_text[] = "text/plain; charset=utf-8";
static const char tree_size[] = "text/x.tlog.size";

struct request {
    struct mrl_add_checkpoint add;
    struct mrl_note note;
    struct mrl_checkpoint checkpoint;
};

/* A cosignature in the making: what is signed while the log stands still. */
struct cosigning {
    const struct mrl_witness *witness;
    mrl_bytes text;
    uint64_t now;
    struct mrl_buf *line;
};

void mrl_witness_answer_done(struct mrl_witness_answer *a)
{
    mrl_buf_done(&a->body);
}

static void refuse(struct mrl_witness_answer *a, unsigned status, const char *sentence)
{
    a->status = status;
    mrl_buf_clear(&a->body);
    (void)mrl_fail(&a->why, MRL_ERR_DENIED, "%s", sentence); /* only its sentence is wanted */
    (void)mrl_buf_printf(&a->body, "%s\n", sentence);        /* no limit: cannot fail */
}

static bool read_request(mrl_bytes body, struct request *r, struct mrl_witness_answer *a)
{
    struct mrl_why why = {0};

    if (mrl_add_checkpoint_read(body, &r->add) != MRL_OK)
        refuse(a, BAD_REQUEST, "not an old size, proof lines, an empty line and a checkpoint");
    else if (mrl_note_read(r->add.note, &r->note, &why) != MRL_OK)
        refuse(a, BAD_REQUEST, why.text);
    else if (mrl_checkpoint_read(r->note.text, &r->checkpoint) != MRL_OK)
        refuse(a, BAD_REQUEST, "the note is no checkpoint");
    else
        return true;
    return false;
}

static void conflict(struct mrl_witness_answer *a, uint64_t size, const char *sentence)
{
    refuse(a, CONFLICT, sentence);
    mrl_buf_clear(&a->body);
    a->content_type = tree_size;
    (void)mrl_buf_printf(&a->body, "%" PRIu64 "\n", size); /* no limit: cannot fail */
}

static mrl_err cosign(void *context)
{
    struct cosigning *c = context;

    return mrl_witness_cosign(c->witness->identity, c->text, c->now, c->line);
}

static void say(const struct mrl_witness_verdict *v, struct mrl_witness_answer *a)
{
    a->latest = v->size;
    switch (v->step) {
    case MRL_WITNESS_ADVANCED:
        a->status = OK;
        break;
    case MRL_WITNESS_WRONG_OLD:
        conflict(a, v->size, "the old size is not that of the latest checkpoint cosigned");
        break;
    case MRL_WITNESS_FORKED:
        a->is_misbehaviour = true;
        conflict(a, v->size, "a checkpoint of this size with another root was cosigned");
        break;
    case MRL_WITNESS_WRONG_PROOF:
        refuse(a, UNPROCESSABLE, "the consistency proof does not hold");
        break;
    }
}

static void advance(const struct mrl_witness *w, struct mrl_witness_log *log,
                    const struct request *r, uint64_t now, struct mrl_witness_answer *a)
{
    struct cosigning c = {w, r->note.text, now, &a->body};
    struct mrl_witness_verdict v;
    struct mrl_why why = {0};

    if (mrl_witness_log_advance(log, &r->add, &r->checkpoint, cosign, &c, &v, &why) == MRL_OK) {
        say(&v, a);
        return;
    }
    refuse(a, SERVER_ERROR, "the checkpoint could not be stored or signed");
    if (why.text[0] != '\0')
        a->why = why; /* paths are for our log, not for the client */
}

static void judge(const struct mrl_witness *w, const struct request *r, uint64_t now,
                  struct mrl_witness_answer *a)
{
    struct mrl_witness_log *log = mrl_witness_logs_find(w->logs, r->checkpoint.origin);

    if (log == NULL) {
        refuse(a, NOT_FOUND, "the origin is not one of the logs witnessed here");
        return;
    }
    a->origin = r->checkpoint.origin;
    if (mrl_witness_log_check(log, &r->note) != MRL_OK)
        refuse(a, FORBIDDEN, "no signature of a key of this log, or one that does not hold");
    else if (r->add.old > r->checkpoint.size)
        refuse(a, BAD_REQUEST, "the old size is above that of the checkpoint");
    else
        advance(w, log, r, now, a);
}

void mrl_witness_add_checkpoint(const struct mrl_witness *w, mrl_bytes body, uint64_t now,
                                struct mrl_witness_answer *out)
{
    struct request r;

    *out = (struct mrl_witness_answer){.content_type = plain_text};
    if (read_request(body, &r, out))
        judge(w, &r, now, out);
}
