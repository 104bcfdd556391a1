/* SPDX-License-Identifier: Apache-2.0 */
#include "access/quota_model.h"

#include <stdlib.h>
#include <string.h>

struct holder {
    struct mrl_map_node node;
    struct mrl_quota_override given;
    const struct mrl_quota *alone; /* over the defaults: what all members of a group share */
    uint8_t key[1 + MRL_NAME_MAX];
};

static mrl_bytes key_of(enum mrl_role_target_kind kind, mrl_bytes name,
                        uint8_t to[static 1 + MRL_NAME_MAX])
{
    to[0] = (uint8_t)kind;
    if (name.len > 0)
        memcpy(&to[1], name.data, name.len);
    return mrl_bytes_of(to, 1 + name.len);
}

static struct holder *find(const struct mrl_quota_model *m, enum mrl_role_target_kind kind,
                           mrl_bytes name)
{
    uint8_t key[1 + MRL_NAME_MAX];
    struct mrl_map_node *node = mrl_map_find(&m->given, key_of(kind, name, key));

    return node != NULL ? MRL_CONTAINER(node, struct holder, node) : NULL;
}

static void free_holder(struct mrl_quota_model *m, struct holder *h)
{
    mrl_map_remove(&m->given, &h->node);
    mrl_quota_unref(h->alone);
    free(h);
}

static const struct mrl_quota *defaults_for(const struct mrl_quota_model *m,
                                            enum mrl_role_target_kind kind)
{
    return kind == MRL_ROLE_TO_APPLICATION ? m->application : m->device;
}

/* Many devices hold a claim: what is one session to another principal is a whole factory here. What
 * each may do is counted elsewhere: certificates that wait, uses. */
static const struct mrl_quota_override for_claim = {
    .given = 1u << MRL_QUOTA_CONNECTS | 1u << MRL_QUOTA_MESSAGES | 1u << MRL_QUOTA_BYTES |
             1u << MRL_QUOTA_SESSIONS | 1u << MRL_QUOTA_RETAINED | 1u << MRL_QUOTA_SUBSCRIPTIONS |
             1u << MRL_QUOTA_PACKET,
    .of = {[MRL_QUOTA_SESSIONS] = MRL_QUOTA_CLAIM_SESSIONS,
           [MRL_QUOTA_SUBSCRIPTIONS] = MRL_QUOTA_CLAIM_SUBSCRIPTIONS,
           [MRL_QUOTA_PACKET] = MRL_QUOTA_CLAIM_PACKET},
};

/* Applications serve many devices: no rates. */
void mrl_quota_model_init(struct mrl_quota_model *m)
{
    const struct mrl_quota_override no_rates = {
        .given = 1u << MRL_QUOTA_CONNECTS | 1u << MRL_QUOTA_MESSAGES | 1u << MRL_QUOTA_BYTES};

    *m = (struct mrl_quota_model){.device = mrl_quota_new(NULL, NULL),
                                  .application = mrl_quota_new(NULL, &no_rates),
                                  .claim = mrl_quota_new(NULL, &for_claim)};
}

void mrl_quota_model_done(struct mrl_quota_model *m)
{
    for (struct mrl_map_node *n; (n = mrl_map_next(&m->given, NULL)) != NULL;)
        free_holder(m, MRL_CONTAINER(n, struct holder, node));
    mrl_map_done(&m->given);
    mrl_quota_unref(m->device);
    mrl_quota_unref(m->application);
    mrl_quota_unref(m->claim);
}

static void merge_again(const struct mrl_quota_model *m, struct holder *h)
{
    mrl_quota_unref(h->alone);
    h->alone = mrl_quota_new(defaults_for(m, (enum mrl_role_target_kind)h->key[0]), &h->given);
}

void mrl_quota_model_defaults(struct mrl_quota_model *m, enum mrl_principal_kind kind,
                              const uint64_t of[static MRL_QUOTA_COUNT_])
{
    const struct mrl_quota **place =
        kind == MRL_PRINCIPAL_APPLICATION ? &m->application : &m->device;
    struct mrl_quota_override all = {.given = (1u << MRL_QUOTA_COUNT_) - 1};

    memcpy(all.of, of, sizeof(all.of));
    mrl_quota_unref(*place);
    *place = mrl_quota_new(NULL, &all);
    for (struct mrl_map_node *n = NULL; (n = mrl_map_next(&m->given, n)) != NULL;)
        merge_again(m, MRL_CONTAINER(n, struct holder, node));
}

static struct holder *add(struct mrl_quota_model *m, const struct mrl_role_target *target)
{
    struct holder *h = calloc(1, sizeof(*h));

    if (h == NULL)
        abort();
    h->node.key = key_of(target->kind, target->name, h->key);
    mrl_map_insert(&m->given, &h->node);
    return h;
}

void mrl_quota_model_put(struct mrl_quota_model *m, const struct mrl_role_target *target,
                         const struct mrl_quota_override *given)
{
    struct holder *h = find(m, target->kind, target->name);

    if (given->given == 0) {
        if (h != NULL)
            free_holder(m, h);
        return;
    }
    if (h == NULL)
        h = add(m, target);
    h->given = *given;
    merge_again(m, h);
}

const struct mrl_quota *mrl_quota_model_of(const struct mrl_quota_model *m,
                                           const struct mrl_subject *who)
{
    bool application = who->kind == MRL_PRINCIPAL_APPLICATION;
    enum mrl_role_target_kind kind = application ? MRL_ROLE_TO_APPLICATION : MRL_ROLE_TO_DEVICE;
    const struct holder *own, *group = NULL;

    if (who->kind == MRL_PRINCIPAL_CLAIM)
        return mrl_quota_ref(m->claim);
    own = find(m, kind, who->id);
    if (who->group.len > 0)
        group = find(m, MRL_ROLE_TO_GROUP, who->group);
    if (own != NULL && group != NULL)
        return mrl_quota_new(group->alone, &own->given);
    if (own != NULL || group != NULL)
        return mrl_quota_ref(own != NULL ? own->alone : group->alone);
    return mrl_quota_ref(defaults_for(m, kind));
}
