/* SPDX-License-Identifier: Apache-2.0 */
#include "access/model.h"

#include <stdlib.h>
#include <string.h>

enum { SET_MAX = 1 + 2 * MRL_SUBJECT_ROLES_MAX, SWEEP_FIRST = 64 };

/* A device, application or group with roles. */
struct holder {
    struct mrl_map_node node; /* key: kind, then name */
    enum mrl_role_target_kind kind;
    struct mrl_name name;
    uint8_t key[1 + MRL_NAME_MAX];
    size_t count;
    struct mrl_role *roles[MRL_SUBJECT_ROLES_MAX];
};

/* A compiled policy under the set it is made of: the key is the sorted pointers themselves, which
 * stay valid because a role leaves only after the policies made of it. */
struct shared_policy {
    struct mrl_map_node node;
    struct mrl_policy *policy; /* one reference */
    size_t count;
    struct mrl_role *roles[];
};

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

struct mrl_role *mrl_role_new(mrl_bytes name, const struct mrl_rule *rules, size_t count)
{
    struct mrl_role *role = must(calloc(1, sizeof(*role)));

    (void)mrl_name_set(&role->name, name); /* valid by contract */
    role->rules = mrl_arena_alloc(&role->arena, (count + 1) * sizeof(*rules));
    role->count = count;
    for (size_t i = 0; i < count; i++)
        role->rules[i] = (struct mrl_rule){
            rules[i].actions, mrl_arena_copy(&role->arena, rules[i].filter), rules[i].withheld};
    return role;
}

void mrl_role_free(struct mrl_role *role)
{
    if (role == NULL)
        return;
    mrl_arena_done(&role->arena);
    free(role);
}

void mrl_model_init(struct mrl_model *m)
{
    *m = (struct mrl_model){0};
    for (size_t i = 0; i < MRL_BUILT_IN_COUNT; i++) {
        const struct mrl_built_in_role *b = &mrl_built_in_roles[i];

        m->built_in[i] = mrl_role_new(mrl_str(b->name), b->rules, b->count);
    }
}

/* --- policies --- */

static void free_policy(struct shared_policy *p)
{
    mrl_policy_unref(p->policy);
    free(p);
}

static bool made_of(const struct shared_policy *p, const struct mrl_role *role)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->roles[i] == role)
            return true;
    return false;
}

/* Drops the policies made of role, or (NULL) those nobody uses. */
static void drop_policies(struct mrl_model *m, const struct mrl_role *role)
{
    struct mrl_map keep = {0};

    for (struct mrl_map_node *node = mrl_map_next(&m->policies, NULL), *next; node != NULL;
         node = next) {
        struct shared_policy *p = MRL_CONTAINER(node, struct shared_policy, node);
        bool drop = role != NULL ? made_of(p, role) : !mrl_policy_is_shared(p->policy);

        next = mrl_map_next(&m->policies, node);
        if (drop)
            free_policy(p);
        else
            mrl_map_insert(&keep, node);
    }
    mrl_map_done(&m->policies);
    m->policies = keep;
}

static void sweep_policies(struct mrl_model *m)
{
    if (m->policies.count < SWEEP_FIRST + 2 * m->swept)
        return;
    drop_policies(m, NULL);
    m->swept = m->policies.count;
}

static struct mrl_policy *compile_set(struct mrl_role *const *set, size_t count)
{
    struct mrl_policy_role roles[SET_MAX];

    for (size_t i = 0; i < count; i++)
        roles[i] =
            (struct mrl_policy_role){mrl_name_bytes(&set[i]->name), set[i]->rules, set[i]->count};
    return mrl_policy_compile(roles, count);
}

static struct mrl_policy *policy_of_set(struct mrl_model *m, struct mrl_role *const *set,
                                        size_t count)
{
    mrl_bytes key = mrl_bytes_of(set, count * sizeof(struct mrl_role *));
    struct mrl_map_node *node = mrl_map_find(&m->policies, key);
    struct shared_policy *p;

    if (node != NULL)
        return mrl_policy_ref(MRL_CONTAINER(node, struct shared_policy, node)->policy);
    sweep_policies(m);
    p = must(calloc(1, sizeof(*p) + key.len));
    p->policy = compile_set(set, count);
    p->count = count;
    if (count > 0)
        memcpy(p->roles, set, key.len);
    p->node.key = mrl_bytes_of(p->roles, key.len);
    mrl_map_insert(&m->policies, &p->node);
    return mrl_policy_ref(p->policy);
}

/* --- roles --- */

struct mrl_role *mrl_model_role(const struct mrl_model *m, mrl_bytes name)
{
    struct mrl_map_node *node = mrl_map_find(&m->roles, name);

    return node != NULL ? MRL_CONTAINER(node, struct mrl_role, node) : NULL;
}

void mrl_model_put(struct mrl_model *m, struct mrl_role *role)
{
    struct mrl_role *old = mrl_model_role(m, mrl_name_bytes(&role->name));
    struct mrl_role was;

    if (old == NULL) {
        role->node.key = mrl_name_bytes(&role->name);
        mrl_map_insert(&m->roles, &role->node);
        return;
    }
    drop_policies(m, old);
    was = *old; /* holders point at old: only its rules change places */
    old->arena = role->arena;
    old->rules = role->rules;
    old->count = role->count;
    role->arena = was.arena;
    mrl_role_free(role);
}

void mrl_model_remove(struct mrl_model *m, mrl_bytes name)
{
    struct mrl_role *role = mrl_model_role(m, name);

    if (role == NULL)
        return;
    drop_policies(m, role);
    mrl_map_remove(&m->roles, &role->node);
    mrl_role_free(role);
}

/* --- holders --- */

static mrl_bytes holder_key(const struct mrl_role_target *t, uint8_t key[static 1 + MRL_NAME_MAX])
{
    size_t len = t->name.len > MRL_NAME_MAX ? MRL_NAME_MAX : t->name.len;

    key[0] = (uint8_t)t->kind;
    if (len > 0)
        memcpy(&key[1], t->name.data, len);
    return mrl_bytes_of(key, 1 + len);
}

static struct holder *find_holder(const struct mrl_model *m, const struct mrl_role_target *target)
{
    uint8_t key[1 + MRL_NAME_MAX];
    struct mrl_map_node *node = mrl_map_find(&m->holders, holder_key(target, key));

    return node != NULL ? MRL_CONTAINER(node, struct holder, node) : NULL;
}

static struct holder *add_holder(struct mrl_model *m, const struct mrl_role_target *target)
{
    struct holder *h = must(calloc(1, sizeof(*h)));

    h->kind = target->kind;
    (void)mrl_name_set(&h->name, target->name); /* checked before it was stored */
    h->node.key = holder_key(target, h->key);
    mrl_map_insert(&m->holders, &h->node);
    return h;
}

static size_t index_of(const struct holder *h, const struct mrl_role *role)
{
    size_t i = 0;

    while (i < h->count && h->roles[i] != role)
        i++;
    return i;
}

void mrl_model_bind(struct mrl_model *m, mrl_bytes name, const struct mrl_role_target *target)
{
    struct mrl_role *role = mrl_model_role(m, name);
    struct holder *h = find_holder(m, target);

    if (role == NULL)
        return;
    if (h == NULL)
        h = add_holder(m, target);
    if (index_of(h, role) == h->count && h->count < MRL_COUNT(h->roles))
        h->roles[h->count++] = role;
}

void mrl_model_unbind(struct mrl_model *m, mrl_bytes name, const struct mrl_role_target *target)
{
    struct holder *h = find_holder(m, target);
    size_t at;

    if (h == NULL || (at = index_of(h, mrl_model_role(m, name))) == h->count)
        return;
    h->roles[at] = h->roles[--h->count];
    if (h->count > 0)
        return;
    mrl_map_remove(&m->holders, &h->node);
    free(h);
}

void mrl_model_each_holder(const struct mrl_model *m, const struct mrl_role *role,
                           mrl_access_changed *visit, void *context)
{
    for (struct mrl_map_node *node = mrl_map_next(&m->holders, NULL); node != NULL;
         node = mrl_map_next(&m->holders, node)) {
        const struct holder *h = MRL_CONTAINER(node, struct holder, node);

        if (index_of(h, role) < h->count)
            visit(context, &(struct mrl_role_target){h->kind, mrl_name_bytes(&h->name)});
    }
}

/* --- from a subject to its policy --- */

/* Adds the roles of a target to the sorted tail set[1..], each once. */
static size_t add_roles(const struct mrl_model *m, enum mrl_role_target_kind kind, mrl_bytes name,
                        struct mrl_role **set, size_t from, size_t count)
{
    const struct holder *h = find_holder(m, &(struct mrl_role_target){kind, name});

    for (size_t i = 0; h != NULL && i < h->count; i++) {
        size_t at = from;

        while (at < count && (uintptr_t)set[at] < (uintptr_t)h->roles[i])
            at++;
        if (at < count && set[at] == h->roles[i])
            continue;
        memmove(&set[at + 1], &set[at], (count - at) * sizeof(struct mrl_role *));
        set[at] = h->roles[i];
        count++;
    }
    return count;
}

struct mrl_policy *mrl_model_policy(struct mrl_model *m, const struct mrl_subject *who,
                                    bool quarantined)
{
    struct mrl_role *set[SET_MAX];
    size_t count = 0;

    if (who->kind == MRL_PRINCIPAL_APPLICATION) {
        count = add_roles(m, MRL_ROLE_TO_APPLICATION, who->id, set, 0, count);
    } else if (who->kind == MRL_PRINCIPAL_OPERATOR) {
        set[count++] = m->built_in[MRL_OPERATOR_DEFAULT];
    } else if (quarantined) {
        set[count++] = m->built_in[MRL_DEVICE_QUARANTINED_ROLE];
    } else if (who->kind == MRL_PRINCIPAL_DEVICE) {
        /* first, because nearly every message of a device is decided by it */
        set[count++] = m->built_in[MRL_DEVICE_DEFAULT];
        count = add_roles(m, MRL_ROLE_TO_DEVICE, who->id, set, 1, count);
        count = add_roles(m, MRL_ROLE_TO_GROUP, who->group, set, 1, count);
    }
    return policy_of_set(m, set, count);
}

static void free_shared(struct mrl_map_node *node)
{
    free_policy(MRL_CONTAINER(node, struct shared_policy, node));
}

static void free_holder(struct mrl_map_node *node)
{
    free(MRL_CONTAINER(node, struct holder, node));
}

static void free_role(struct mrl_map_node *node)
{
    mrl_role_free(MRL_CONTAINER(node, struct mrl_role, node));
}

static void free_all(struct mrl_map *map, void (*free_one)(struct mrl_map_node *node))
{
    for (struct mrl_map_node *node = mrl_map_next(map, NULL), *next; node != NULL; node = next) {
        next = mrl_map_next(map, node);
        free_one(node);
    }
    mrl_map_done(map);
}

void mrl_model_done(struct mrl_model *m)
{
    free_all(&m->policies, free_shared);
    free_all(&m->holders, free_holder);
    free_all(&m->roles, free_role);
    for (size_t i = 0; i < MRL_BUILT_IN_COUNT; i++)
        mrl_role_free(m->built_in[i]);
    *m = (struct mrl_model){0};
}
