/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in pages. A cursor is opaque to clients: the path of its list and the last key, so that it
 * is good for this list only, and keeps its place when entries come or go. */
#include "api/request.h"
#include "base/hex.h"

enum { CURSOR_MAX = 512 }; /* characters; keys are names of at most 64 bytes */

/* A NUL is in no path and in no key. */
static mrl_err write_cursor(const struct mrl_api_page *page, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) plain = {0};

    MRL_TRY(mrl_buf_append(&plain, mrl_exchange_path(page->r->x)));
    MRL_TRY(mrl_buf_append(&plain, MRL_LIT("\0")));
    MRL_TRY(mrl_buf_append(&plain, page->last));
    return mrl_base64url_write(mrl_buf_bytes(&plain), out);
}

static mrl_err read_cursor(struct mrl_api_page *page, mrl_bytes text)
{
    MRL_SCOPED(mrl_buf) plain = {.limit = CURSOR_MAX};
    mrl_bytes path = {0}, key = {0};

    if (text.len <= CURSOR_MAX && mrl_base64url_read(text, &plain) == MRL_OK)
        (void)mrl_bytes_split(mrl_buf_bytes(&plain), '\0', &path, &key); /* no NUL: no key */
    if (key.len == 0 || mrl_bytes_find(key, '\0', 0) < key.len ||
        !mrl_bytes_eq(path, mrl_exchange_path(page->r->x)))
        return mrl_fail(&page->r->why, MRL_ERR_INVALID, "cursor: not one that this list gave");
    page->after = mrl_arena_copy(mrl_exchange_arena(page->r->x), key);
    return MRL_OK;
}

mrl_err mrl_api_page_start(struct mrl_api_request *r, struct mrl_api_page *page)
{
    uint64_t limit = MRL_API_PAGE;
    mrl_bytes cursor;

    *page = (struct mrl_api_page){.r = r};
    MRL_TRY(mrl_api_query_number(r, "limit", MRL_API_PAGE_MAX, &limit));
    if (limit == 0)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "limit: 1 to %d", MRL_API_PAGE_MAX);
    if (mrl_exchange_query(r->x, "cursor", &cursor))
        MRL_TRY(read_cursor(page, cursor));
    page->limit = (size_t)limit;
    page->items = mrl_json_array();
    return MRL_OK;
}

bool mrl_api_page_take(struct mrl_api_page *page, mrl_bytes key)
{
    if (json_array_size(page->items) == page->limit) {
        page->more = true;
        return false;
    }
    page->last = mrl_arena_copy(mrl_exchange_arena(page->r->x), key);
    return true;
}

mrl_err mrl_api_page_put(struct mrl_api_page *page, json_t *o)
{
    MRL_SCOPED(mrl_buf) cursor = {0};

    mrl_api_put(page->r, o, "items", MRL_TAKE(page->items));
    if (page->more) {
        MRL_TRY(write_cursor(page, &cursor));
        mrl_api_put_text(page->r, o, "next", mrl_buf_bytes(&cursor));
    }
    return MRL_OK;
}

mrl_err mrl_api_page_answer(struct mrl_api_page *page)
{
    MRL_AUTO(json_t) o = mrl_json_object();

    MRL_TRY(mrl_api_page_put(page, o));
    return mrl_api_answer(page->r, 200, MRL_TAKE(o));
}

void mrl_api_page_done(struct mrl_api_page *page)
{
    json_decref(page->items);
    page->items = NULL;
}
