/* SPDX-License-Identifier: Apache-2.0 */
/* Makers: manufacturers whose certificates (IDevID, IEEE 802.1AR) introduce devices. Layer:
 * onboarding. Threads: [service] functions block; the others any thread registered with liburcu,
 * and do not block. Only what an operator registered here is trusted; no store of the system is
 * ever asked. docs/operate/makers.md */
#ifndef MRL_ONBOARDING_MAKER_H
#define MRL_ONBOARDING_MAKER_H

#include "access/actor.h"
#include "access/name.h"
#include "crypto/cert.h"
#include "store/store.h"

enum {
    MRL_MAKERS_MAX = 256,
    MRL_MAKER_CAS_MAX = 16,             /* certificates of one maker */
    MRL_MAKER_CRLS_MAX = 16,            /* and lists of revoked ones */
    MRL_MAKER_CRL_BYTES_MAX = 40 << 10, /* all of a maker, in DER */
    MRL_MAKER_PREFIX_MAX = 32,
    MRL_MAKER_RATE_DEFAULT = 60, /* new devices a minute */
    MRL_MAKER_RATE_MAX = 1000000,
    MRL_MAKER_PAGE_MAX = 1000,
};

extern const struct mrl_migration_list mrl_maker_migrations;

/* What of a certificate is the device. Stored: a value never changes its meaning. */
enum mrl_maker_id {
    MRL_MAKER_ID_SERIAL = 1,   /* X520 serialNumber of the subject: RFC 8995 2.3.1 */
    MRL_MAKER_ID_CN = 2,       /* its common name */
    MRL_MAKER_ID_HARDWARE = 3, /* hwSerialNum of a HardwareModuleName (RFC 4108 5), in hex */
};
/* Who of its devices may come in. Stored: a value never changes its meaning. */
enum mrl_maker_approve {
    MRL_MAKER_APPROVE_ALL = 1,    /* whoever has a good certificate */
    MRL_MAKER_APPROVE_LISTED = 2, /* whose id an operator has added before */
    MRL_MAKER_APPROVE_MANUAL = 3, /* whom an operator approves: onboarding/approval.h */
};
/* "serialNumber", "cn", "hardware"; "all", "listed", "manual". Never NULL. */
const char *mrl_maker_id_name(enum mrl_maker_id from);
const char *mrl_maker_approve_name(enum mrl_maker_approve approve);
bool mrl_maker_id_parse(mrl_bytes name, enum mrl_maker_id *out);
bool mrl_maker_approve_parse(mrl_bytes name, enum mrl_maker_approve *out);

/* How a maker's devices are to be treated. */
struct mrl_maker_rule {
    struct mrl_name name;
    struct mrl_name group;                 /* of new devices; empty: none */
    char prefix[MRL_MAKER_PREFIX_MAX + 1]; /* of their ids */
    enum mrl_maker_id id_from;
    enum mrl_maker_approve approve;
    bool jitp;        /* its certificates open the MQTT port, too: onboarding/introduce.h */
    uint64_t rate;    /* new devices a minute */
    uint64_t devices; /* at most; 0: any number */
};

struct mrl_makers;
/* [service] Loads what the store has. Borrows it; before any job that changes makers. */
mrl_err mrl_makers_open(struct mrl_store *store, struct mrl_makers **out, struct mrl_why *why);
/* After the store has stopped and no reader is left. NULL is fine. */
void mrl_makers_free(struct mrl_makers *m);
MRL_AUTO_DEFINE(mrl_makers);

struct mrl_maker_new {
    mrl_bytes name;
    mrl_bytes group;
    bool has_prefix;  /* else the prefix is the name and '-' */
    mrl_bytes prefix; /* may be empty; no prefix may begin with that of another maker */
    mrl_bytes ca;     /* PEM: those that are self-signed are the anchors, the others help to reach
                         them; without a self-signed one each is an anchor */
    mrl_bytes crl;    /* PEM "X509 CRL"; empty: none */
    enum mrl_maker_id id_from;
    enum mrl_maker_approve approve;
    bool jitp;
    uint64_t rate;
    uint64_t devices;
};
/* [service] MRL_ERR_INVALID: a value is not acceptable, or a certificate is not that of a CA;
 * MRL_ERR_EXISTS: a maker of this name, or another maker has this CA or a prefix that overlaps;
 * MRL_ERR_LIMIT. */
mrl_err mrl_maker_add(struct mrl_makers *m, const struct mrl_actor *actor,
                      const struct mrl_maker_new *maker, struct mrl_why *why);
/* [service] Its devices stay what they are; what they have shown stays theirs. MRL_ERR_NOT_FOUND.
 */
mrl_err mrl_maker_remove(struct mrl_makers *m, const struct mrl_actor *actor, mrl_bytes name,
                         struct mrl_why *why);
/* [service] New lists of revoked certificates in place of those it has; empty: none.
 * MRL_ERR_INVALID, MRL_ERR_LIMIT, MRL_ERR_NOT_FOUND. */
mrl_err mrl_maker_set_crl(struct mrl_makers *m, const struct mrl_actor *actor, mrl_bytes name,
                          mrl_bytes crl, struct mrl_why *why);

struct mrl_maker_info {
    const struct mrl_maker_rule *rule;
    int64_t created_ms;
    uint64_t introduced; /* devices that came in with a certificate of it */
    uint64_t crls;
    const struct mrl_cert_list *cas; /* by show only, else NULL */
};
typedef void mrl_maker_visit(void *context, const struct mrl_maker_info *maker);
/* [service] In the order of names after `after`, at most limit (1 to MRL_MAKER_PAGE_MAX). */
mrl_err mrl_maker_list(struct mrl_makers *m, mrl_bytes after, size_t limit, mrl_maker_visit *visit,
                       void *context);
mrl_err mrl_maker_show(struct mrl_makers *m, mrl_bytes name, mrl_maker_visit *visit, void *context,
                       struct mrl_why *why);

/* Whose certificate is this? Walks the path of every maker that may have to do with it; takes about
 * a millisecond. MRL_ERR_NOT_FOUND: nobody's; MRL_ERR_AUTH: a maker's, if it were not for *reason
 * (written always); MRL_ERR_STATE: it leads to several makers. */
mrl_err mrl_makers_find(struct mrl_makers *m, const struct mrl_cert *leaf,
                        const struct mrl_cert_list *sent, int64_t now, struct mrl_maker_rule *out,
                        enum mrl_chain_reason *reason);
/* The id of the device, prefix included. MRL_ERR_INVALID: the certificate names none, or what it
 * names cannot be an id (access/name.h): nothing is left out or replaced, so that two devices never
 * become one. */
mrl_err mrl_maker_device_id(const struct mrl_maker_rule *maker, const struct mrl_cert_facts *facts,
                            struct mrl_name *out, struct mrl_why *why);
/* A new device of this maker wants in at the second now: 0, and it is counted; else the seconds
 * until there is room again. */
uint64_t mrl_makers_wait_s(struct mrl_makers *m, const struct mrl_maker_rule *maker, int64_t now);

#endif
