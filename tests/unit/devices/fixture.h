/* SPDX-License-Identifier: Apache-2.0 */
/* A registry on a store of its own, certificates that are only bytes, and an enrolment as a module
 * above would write it. */
#ifndef MRL_TESTS_DEVICES_FIXTURE_H
#define MRL_TESTS_DEVICES_FIXTURE_H

#include "devices/account.h"
#include "devices/credential.h"
#include "devices/device.h"
#include "tests/unit/access/fixture.h"
#include "tests/unit/store/seal_fixture.h"

struct fixture {
    struct place place;
    struct mrl_store *store;
    struct mrl_sealer *sealer;
    struct mrl_access *access;
    struct mrl_registry *registry;
    /* The listener: called on the writer thread, read after the call that caused it. */
    size_t told;
    char told_ids[256];
};

static inline void registry_start(struct fixture *f)
{
    struct mrl_why why = {{0}};

    f->store = duties_store(&f->place);
    f->sealer = test_sealer();
    assert_ok(mrl_access_open(f->store, &f->access, NULL));
    if (mrl_registry_open(f->store, f->sealer, f->access, &f->registry, &why) != MRL_OK)
        fail_msg("%s", why.text);
}

static inline void registry_stop(struct fixture *f)
{
    duties_close(f->store);
    mrl_sealer_free(f->sealer);
    mrl_registry_free(f->registry);
    mrl_access_free(f->access);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    place_make(&f->place);
    registry_start(f);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;

    registry_stop(f);
    place_remove(&f->place);
    free(f);
    return 0;
}

static inline void add(struct fixture *f, const char *id, const char *group)
{
    struct mrl_device_new d = {mrl_str(id), mrl_str(group), MRL_LIT("a note")};
    struct mrl_why why = {{0}};

    if (mrl_device_add(f->registry, &admin, &d, &why) != MRL_OK)
        fail_msg("%s: %s", id, why.text);
}

static inline mrl_err change(struct fixture *f, const char *id, enum mrl_device_action action)
{
    return mrl_device_change(f->registry, &admin, mrl_str(id), action, MRL_LIT("because"), NULL);
}

/* The bytes of a certificate nobody else has. */
struct fake_cert {
    char text[64];
    struct mrl_credential_new it;
};

static inline void fake_cert(struct fake_cert *c, enum mrl_principal_kind kind, const char *id,
                             unsigned number)
{
    (void)snprintf(c->text, sizeof(c->text), "%d:%.40s:%u", (int)kind, id, number);
    c->it = (struct mrl_credential_new){
        .kind = kind,
        .id = mrl_str(id),
        .serial = MRL_LIT("\x01\x02"),
        .not_before = 1000,
        .not_after = 2000,
        .spki = mrl_str(c->text),
        .der = mrl_str(c->text),
    };
    assert_ok(mrl_fingerprint_of(c->it.der, &c->it.fingerprint));
}

/* What onboarding and issuing do in one write job. */
struct enrolment {
    struct mrl_write write;
    struct mrl_registry *registry;
    const struct mrl_credential_new *credential;
    struct mrl_registry_update *update;
    struct mrl_why *why;
};

static inline mrl_err enrol_run(struct mrl_tx *tx, struct mrl_write *w)
{
    struct enrolment *e = MRL_CONTAINER(w, struct enrolment, write);
    const struct mrl_credential_new *c = e->credential;

    MRL_TRY(mrl_registry_credential_add(tx, c, e->why));
    if (c->kind == MRL_PRINCIPAL_DEVICE)
        MRL_TRY(mrl_device_activate_tx(tx, &admin, c->id, e->why));
    return mrl_registry_stage(tx, c->kind, c->id, &e->update);
}

static inline void enrol_committed(struct mrl_write *w)
{
    struct enrolment *e = MRL_CONTAINER(w, struct enrolment, write);

    mrl_registry_publish(e->registry, e->update);
}

static inline mrl_err enrol_why(struct fixture *f, const struct mrl_credential_new *c,
                                struct mrl_why *why)
{
    struct enrolment e = {.write = {.run = enrol_run, .committed = enrol_committed},
                          .registry = f->registry,
                          .credential = c,
                          .why = why};
    mrl_err err = mrl_store_write(f->store, &e.write);

    mrl_registry_update_free(e.update);
    return err;
}

static inline mrl_err enrol(struct fixture *f, const struct mrl_credential_new *c)
{
    return enrol_why(f, c, NULL);
}

enum { ALL_KINDS = MRL_KIND_BIT(1) | MRL_KIND_BIT(2) | MRL_KIND_BIT(3) };

static inline enum mrl_judgement judged(struct fixture *f, const struct mrl_fingerprint *fp,
                                        int64_t now)
{
    enum mrl_judgement j;

    mrl_rcu_register();
    mrl_rcu_read_begin();
    j = mrl_registry_judge(f->registry, fp, now, ALL_KINDS, NULL);
    mrl_rcu_read_end();
    return j;
}

static inline enum mrl_device_state state_of(struct fixture *f, const char *id)
{
    const struct mrl_principal *p;
    enum mrl_device_state s;

    mrl_rcu_register();
    mrl_rcu_read_begin();
    p = mrl_snapshot_principal(f->registry, MRL_PRINCIPAL_DEVICE, mrl_str(id));
    s = p != NULL ? p->device_state : (enum mrl_device_state)0;
    mrl_rcu_read_end();
    return s;
}

static inline bool may(struct fixture *f, enum mrl_principal_kind kind, const char *id,
                       enum mrl_topic_action action, const char *topic)
{
    const struct mrl_principal *p;
    bool allowed = false;

    mrl_rcu_register();
    mrl_rcu_read_begin();
    p = mrl_snapshot_principal(f->registry, kind, mrl_str(id));
    if (p != NULL)
        allowed = action == MRL_ALLOW_PUBLISH
                      ? may_publish(p->policy, &p->subject, mrl_str(topic))
                      : may_subscribe(p->policy, &p->subject, mrl_str(topic));
    mrl_rcu_read_end();
    return allowed;
}

#define WITH_REGISTRY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
