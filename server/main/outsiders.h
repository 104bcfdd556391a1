/* SPDX-License-Identifier: Apache-2.0 */
/* The door for outsiders of one worker, and the duty behind it as the configuration wants it.
 * Layer: main. Thread: that worker; before it runs, the one that starts it. */
#ifndef MRL_MAIN_OUTSIDERS_H
#define MRL_MAIN_OUTSIDERS_H

#include "guard/guard.h"
#include "main/config.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "revocation/revocation.h"
#include "watch/metrics.h"

struct mrl_outsiders_config { /* everything is borrowed */
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_mailbox *mailbox;
    struct mrl_service *service;
    struct mrl_revocation *revocation;
    struct mrl_metrics *metrics;
    struct mrl_guard *guard;
    unsigned index;
};
struct mrl_outsiders;
mrl_err mrl_outsiders_new(const struct mrl_outsiders_config *config, struct mrl_outsiders **out);
/* As mrl_worker_listen. */
mrl_err mrl_outsiders_listen(struct mrl_outsiders *o, struct mrl_address *address,
                             struct mrl_why *why);
void mrl_outsiders_close(struct mrl_outsiders *o); /* the listener; NULL is fine, like below */
void mrl_outsiders_stop(struct mrl_outsiders *o);
void mrl_outsiders_free(struct mrl_outsiders *o); /* connections are over */

/* The section means something: a listener or a URL is set. */
bool mrl_revocation_wanted(const struct mrl_config *c);
/* MRL_ERR_INVALID: the URL is none, or a value does not fit the others. */
mrl_err mrl_revocation_check(const struct mrl_config *c, struct mrl_why *why);
/* Fills in what the configuration, which was checked, says. */
void mrl_revocation_of_config(const struct mrl_config *c, struct mrl_revocation_config *out);

#endif
