/* SPDX-License-Identifier: Apache-2.0 */
/* What is granted, on a store of the test's own, and a listener that counts what it is told. Every
 * function fails the running test when it cannot. */
#ifndef MRL_TESTS_ACCESS_OPEN_FIXTURE_H
#define MRL_TESTS_ACCESS_OPEN_FIXTURE_H

#include <stdlib.h>

#include "tests/unit/access/fixture.h"

struct fixture {
    struct place place;
    struct mrl_store *store;
    struct mrl_access *access;
    /* the listener, called on the writer thread, read after the call that caused it */
    size_t told;
    char last_told[MRL_NAME_MAX + 16];
};

static inline void listen_to(void *context, const struct mrl_role_target *target)
{
    struct fixture *f = context;

    f->told++;
    (void)snprintf(f->last_told, sizeof(f->last_told), "%s:%.*s",
                   mrl_role_target_kind_name(target->kind), MRL_FMT(target->name));
}

static inline void open_access(struct fixture *f)
{
    struct mrl_why why = {{0}};

    f->store = duties_store(&f->place);
    if (mrl_access_open(f->store, &f->access, &why) != MRL_OK)
        fail_msg("%s", why.text);
    mrl_access_on_change(f->access, listen_to, f);
}

static inline void close_access(struct fixture *f)
{
    duties_close(f->store);
    mrl_access_free(f->access);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    place_make(&f->place);
    open_access(f);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;

    close_access(f);
    place_remove(&f->place);
    free(f);
    return 0;
}

static inline struct mrl_role_target to(const char *text)
{
    struct mrl_role_target t = {0};

    assert_ok(mrl_role_target_parse(mrl_str(text), &t, NULL));
    return t;
}

#endif
