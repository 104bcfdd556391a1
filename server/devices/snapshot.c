/* SPDX-License-Identifier: Apache-2.0 */
/* Two lock-free hash tables. Identities and credentials stay once they are known; what changes is
 * replaced whole behind one pointer and freed after the readers have left. */
#include "devices/snapshot.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "access/quotas.h"
#include "base/rcu_table.h"
#include "base/writer.h"
#include "devices/internal.h"

enum { FIRST_BUCKETS = 1024 };

/* One state of a principal, as readers see it. What most have not takes no room. */
struct principal_version {
    struct mrl_principal view;
    struct rcu_head rcu;
    uint8_t texts[]; /* group, attributes */
};

struct group;

/* A principal for as long as the process runs. */
struct identity {
    struct cds_lfht_node node;
    enum mrl_principal_kind kind;
    struct mrl_name id;
    uint64_t hash;
    _Atomic(struct principal_version *) now;
    struct group *group; /* the writer's: its group and place in it */
    struct mrl_list in_group;
};

struct group {
    struct mrl_map_node node;
    struct mrl_name name;
    struct mrl_list members;
};

struct credential_version {
    struct mrl_credential view;
    struct rcu_head rcu;
};

struct credential_node {
    struct cds_lfht_node node;
    struct mrl_fingerprint fingerprint;
    struct identity *owner;
    _Atomic(struct credential_version *) now;
};

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

/* --- finding --- */

static uint64_t identity_hash(enum mrl_principal_kind kind, mrl_bytes id)
{
    uint8_t key[1 + MRL_NAME_MAX];
    size_t len = id.len > MRL_NAME_MAX ? MRL_NAME_MAX : id.len;

    key[0] = (uint8_t)kind;
    if (len > 0)
        memcpy(&key[1], id.data, len);
    return mrl_hash(mrl_bytes_of(key, 1 + len));
}

static int same_identity(struct cds_lfht_node *node, const void *key)
{
    const struct identity *i = MRL_CONTAINER(node, struct identity, node);
    const struct mrl_subject *who = key;

    MRL_RCU_ACQUIRE(node);
    return i->kind == who->kind && mrl_bytes_eq(mrl_name_bytes(&i->id), who->id);
}

static struct identity *find_identity(const struct mrl_snapshot *s, enum mrl_principal_kind kind,
                                      mrl_bytes id)
{
    const struct mrl_subject key = {.kind = kind, .id = id};
    struct cds_lfht_iter it;
    struct cds_lfht_node *node;

    cds_lfht_lookup(s->principals, identity_hash(kind, id), same_identity, &key, &it);
    node = cds_lfht_iter_get_node(&it);
    return node != NULL ? MRL_CONTAINER(node, struct identity, node) : NULL;
}

static int same_fingerprint(struct cds_lfht_node *node, const void *key)
{
    const struct credential_node *c = MRL_CONTAINER(node, struct credential_node, node);

    MRL_RCU_ACQUIRE(node);
    return memcmp(&c->fingerprint, key, sizeof(c->fingerprint)) == 0;
}

static struct credential_node *find_credential(const struct mrl_snapshot *s,
                                               const struct mrl_fingerprint *f)
{
    struct cds_lfht_iter it;
    struct cds_lfht_node *node;

    cds_lfht_lookup(s->credentials, mrl_hash(mrl_fingerprint_bytes(f)), same_fingerprint, f, &it);
    node = cds_lfht_iter_get_node(&it);
    return node != NULL ? MRL_CONTAINER(node, struct credential_node, node) : NULL;
}

/* --- readers --- */

static const struct mrl_principal *present(const struct identity *i)
{
    return &atomic_load_explicit(&i->now, memory_order_acquire)->view;
}

const struct mrl_principal *mrl_snapshot_principal(struct mrl_registry *r,
                                                   enum mrl_principal_kind kind, mrl_bytes id)
{
    const struct identity *i = find_identity(&r->snapshot, kind, id);

    return i != NULL ? present(i) : NULL;
}

bool mrl_snapshot_credential(struct mrl_registry *r, const struct mrl_fingerprint *f,
                             const struct mrl_credential **credential,
                             const struct mrl_principal **principal)
{
    const struct credential_node *c = find_credential(&r->snapshot, f);

    if (c == NULL)
        return false;
    *credential = &atomic_load_explicit(&c->now, memory_order_acquire)->view;
    *principal = present(c->owner);
    return true;
}

/* --- the writer: principals --- */

static void reclaim_principal(struct rcu_head *head)
{
    struct principal_version *v = MRL_CONTAINER(head, struct principal_version, rcu);

    mrl_rcu_reclaimed();
    mrl_policy_unref(v->view.policy);
    mrl_quota_unref(v->view.quota);
    free(v);
}

static struct principal_version *new_version(struct mrl_snapshot *s, const struct identity *i,
                                             const struct mrl_record *record)
{
    size_t size = record->group.len + record->attributes.len;
    struct principal_version *v = must(calloc(1, sizeof(*v) + size));
    struct mrl_writer w = mrl_writer_on(v->texts, size);

    mrl_put_bytes(&w, record->group);
    mrl_put_bytes(&w, record->attributes);
    v->view = (struct mrl_principal){
        .subject = {i->kind, mrl_name_bytes(&i->id), mrl_bytes_of(v->texts, record->group.len),
                    mrl_bytes_sub(mrl_bytes_of(v->texts, size), record->group.len,
                                  record->attributes.len)},
        .home = i->hash,
        .version = ++s->version,
        .device_state = record->device_state,
        .account_state = record->account_state,
        .operator_roles = record->operator_roles,
    };
    v->view.policy = mrl_access_policy(s->access, &v->view.subject,
                                       record->device_state == MRL_DEVICE_QUARANTINED);
    v->view.quota = mrl_access_quota(s->access, &v->view.subject);
    return v;
}

static void leave_group(struct mrl_snapshot *s, struct identity *i)
{
    struct group *g = i->group;

    i->group = NULL;
    mrl_list_remove(&i->in_group);
    if (g == NULL || !mrl_list_empty(&g->members))
        return;
    mrl_map_remove(&s->groups, &g->node);
    free(g);
}

static struct group *find_group(const struct mrl_snapshot *s, mrl_bytes name)
{
    struct mrl_map_node *node = mrl_map_find(&s->groups, name);

    return node != NULL ? MRL_CONTAINER(node, struct group, node) : NULL;
}

static void join_group(struct mrl_snapshot *s, struct identity *i, mrl_bytes name)
{
    struct group *g = find_group(s, name);

    if (i->group != NULL && i->group == g)
        return;
    leave_group(s, i);
    if (name.len == 0)
        return;
    if (g == NULL) {
        g = must(calloc(1, sizeof(*g)));
        (void)mrl_name_set(&g->name, name); /* valid: it is stored */
        mrl_list_init(&g->members);
        g->node.key = mrl_name_bytes(&g->name);
        mrl_map_insert(&s->groups, &g->node);
    }
    i->group = g;
    mrl_list_add(&g->members, &i->in_group);
}

static void count(uint64_t *counter, int64_t by)
{
    (void)__atomic_add_fetch(counter, (uint64_t)by, __ATOMIC_RELAXED);
}

static struct identity *add_identity(struct mrl_snapshot *s, const struct mrl_record *record)
{
    struct identity *i = must(calloc(1, sizeof(*i)));

    cds_lfht_node_init(&i->node);
    i->kind = record->kind;
    (void)mrl_name_set(&i->id, record->id); /* valid: it is stored */
    i->hash = identity_hash(record->kind, record->id);
    mrl_list_init(&i->in_group);
    atomic_init(&i->now, new_version(s, i, record));
    MRL_RCU_RELEASE(&i->node);
    cds_lfht_add(s->principals, i->hash, &i->node);
    count(&s->by_kind[i->kind], 1);
    return i;
}

/* The snapshot shows the new version when this returns. */
static void replace(struct identity *i, struct principal_version *v)
{
    struct principal_version *old = atomic_exchange_explicit(&i->now, v, memory_order_acq_rel);

    mrl_rcu_defer(&old->rcu, reclaim_principal);
}

static size_t principal_count(const struct mrl_snapshot *s)
{
    size_t n = 0;

    for (size_t k = 0; k < MRL_COUNT(s->by_kind); k++)
        n += s->by_kind[k];
    return n;
}

bool mrl_snapshot_put(struct mrl_snapshot *s, const struct mrl_record *record)
{
    struct identity *i;
    bool known;

    mrl_rcu_read_begin();
    i = find_identity(s, record->kind, record->id);
    known = i != NULL;
    if (known) {
        count(&s->by_state[present(i)->device_state], -1);
        replace(i, new_version(s, i, record));
    } else {
        i = add_identity(s, record);
    }
    count(&s->by_state[record->device_state], 1); /* 0 holds the accounts */
    join_group(s, i, record->group);
    mrl_rcu_read_end();
    mrl_rcu_table_grow(s->principals, &s->principal_buckets, principal_count(s));
    return known;
}

/* --- the writer: credentials --- */

static void reclaim_credential(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    free(MRL_CONTAINER(head, struct credential_version, rcu));
}

static struct credential_version *new_credential(const struct mrl_credential *c)
{
    struct credential_version *v = must(calloc(1, sizeof(*v)));

    v->view = *c;
    return v;
}

static void add_credential(struct mrl_snapshot *s, struct identity *owner,
                           const struct mrl_credential *c)
{
    struct credential_node *n = must(calloc(1, sizeof(*n)));

    cds_lfht_node_init(&n->node);
    n->fingerprint = c->fingerprint;
    n->owner = owner;
    atomic_init(&n->now, new_credential(c));
    MRL_RCU_RELEASE(&n->node);
    cds_lfht_add(s->credentials, mrl_hash(mrl_fingerprint_bytes(&c->fingerprint)), &n->node);
    count(&s->credential_count, 1);
}

static void update_credential(struct credential_node *n, const struct mrl_credential *c)
{
    struct credential_version *old = atomic_load_explicit(&n->now, memory_order_relaxed);
    struct mrl_credential next = *c;

    next.hardware_held |= old->view.hardware_held; /* the rows of credentials do not say it */
    if (old->view.state == next.state && old->view.seen == next.seen &&
        old->view.hardware_held == next.hardware_held)
        return; /* nothing else of a certificate ever changes */
    atomic_store_explicit(&n->now, new_credential(&next), memory_order_release);
    mrl_rcu_defer(&old->rcu, reclaim_credential);
}

mrl_err mrl_snapshot_put_credential(struct mrl_snapshot *s, enum mrl_principal_kind kind,
                                    mrl_bytes id, const struct mrl_credential *c)
{
    struct credential_node *n;
    struct identity *owner;

    mrl_rcu_read_begin();
    n = find_credential(s, &c->fingerprint);
    owner = n != NULL ? n->owner : find_identity(s, kind, id);
    if (n != NULL)
        update_credential(n, c);
    else if (owner != NULL)
        add_credential(s, owner, c);
    mrl_rcu_read_end();
    mrl_rcu_table_grow(s->credentials, &s->credential_buckets, s->credential_count);
    return owner != NULL ? MRL_OK : MRL_ERR_CORRUPT;
}

void mrl_snapshot_mark_hardware(struct mrl_snapshot *s, const struct mrl_fingerprint *f)
{
    struct credential_node *n;
    struct mrl_credential next;

    mrl_rcu_read_begin();
    n = find_credential(s, f);
    if (n != NULL) {
        next = atomic_load_explicit(&n->now, memory_order_relaxed)->view;
        next.hardware_held = true;
        update_credential(n, &next);
    }
    mrl_rcu_read_end();
}

/* --- the writer: roles --- */

static void judge_policy_again(struct mrl_snapshot *s, struct identity *i,
                               mrl_registry_changed *changed, void *context)
{
    const struct mrl_principal *now = present(i);
    const struct mrl_record record = {
        .group = now->subject.group,
        .attributes = now->subject.attributes,
        .device_state = now->device_state,
        .account_state = now->account_state,
        .operator_roles = now->operator_roles,
    };
    struct principal_version *next = new_version(s, i, &record);

    if (next->view.policy == now->policy && mrl_quota_same(next->view.quota, now->quota)) {
        mrl_policy_unref(next->view.policy); /* never visible, so nobody has to leave first */
        mrl_quota_unref(next->view.quota);
        free(next);
        return;
    }
    replace(i, next);
    if (changed != NULL)
        changed(context, i->kind, mrl_name_bytes(&i->id));
}

void mrl_snapshot_roles_changed(struct mrl_snapshot *s, const struct mrl_role_target *target,
                                mrl_registry_changed *changed, void *context)
{
    enum mrl_principal_kind kind =
        target->kind == MRL_ROLE_TO_APPLICATION ? MRL_PRINCIPAL_APPLICATION : MRL_PRINCIPAL_DEVICE;
    struct identity *one;
    struct group *g;

    if (target->kind == MRL_ROLE_TO_GROUP) {
        g = find_group(s, target->name);
        if (g != NULL)
            MRL_LIST_EACH(i, &g->members, struct identity, in_group)
        judge_policy_again(s, i, changed, context);
        return;
    }
    mrl_rcu_read_begin();
    one = find_identity(s, kind, target->name);
    mrl_rcu_read_end(); /* identities stay, and versions are replaced by this thread alone */
    if (one != NULL)
        judge_policy_again(s, one, changed, context);
}

/* --- begin and end --- */

mrl_err mrl_snapshot_init(struct mrl_snapshot *s, struct mrl_access *access, struct mrl_why *why)
{
    *s = (struct mrl_snapshot){.access = access};
    mrl_rcu_register();
    s->principal_buckets = FIRST_BUCKETS;
    s->principals = mrl_rcu_table_new(s->principal_buckets);
    s->credential_buckets = FIRST_BUCKETS;
    s->credentials = mrl_rcu_table_new(s->credential_buckets);
    if (s->principals == NULL || s->credentials == NULL)
        return mrl_fail(why, MRL_ERR_IO, "no memory for the table of principals");
    return MRL_OK;
}

static void free_identity(struct cds_lfht_node *node)
{
    struct identity *i = MRL_CONTAINER(node, struct identity, node);
    struct principal_version *v = atomic_load_explicit(&i->now, memory_order_relaxed);

    mrl_policy_unref(v->view.policy);
    mrl_quota_unref(v->view.quota);
    free(v);
    free(i);
}

static void free_credential(struct cds_lfht_node *node)
{
    struct credential_node *c = MRL_CONTAINER(node, struct credential_node, node);

    free(atomic_load_explicit(&c->now, memory_order_relaxed));
    free(c);
}

/* Nodes are freed after a grace period, as liburcu asks of whoever removes one. */
static void free_table(struct cds_lfht *table, size_t size,
                       void (*free_one)(struct cds_lfht_node *node))
{
    struct cds_lfht_node **nodes, *node;
    struct cds_lfht_iter it;
    size_t taken = 0;

    if (table == NULL)
        return;
    nodes = must(calloc(size + 1, sizeof(struct cds_lfht_node *)));
    mrl_rcu_read_begin();
    cds_lfht_for_each(table, &it, node)
    {
        if (taken < size && cds_lfht_del(table, node) == 0)
            nodes[taken++] = node;
    }
    mrl_rcu_read_end();
    urcu_memb_synchronize_rcu();
    while (taken > 0)
        free_one(nodes[--taken]);
    free(nodes);
    (void)cds_lfht_destroy(table, /*attr=*/NULL); /* fails only on a table that is not empty */
}

static void free_groups(struct mrl_map *groups)
{
    for (struct mrl_map_node *node = mrl_map_next(groups, NULL), *next; node != NULL; node = next) {
        next = mrl_map_next(groups, node);
        free(MRL_CONTAINER(node, struct group, node));
    }
    mrl_map_done(groups);
}

void mrl_snapshot_done(struct mrl_snapshot *s)
{
    mrl_rcu_register();
    free_groups(&s->groups);
    free_table(s->credentials, s->credential_count, free_credential);
    free_table(s->principals, principal_count(s), free_identity);
    urcu_memb_barrier(); /* what was replaced and waits for readers */
    *s = (struct mrl_snapshot){0};
}
