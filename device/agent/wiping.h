/* SPDX-License-Identifier: Apache-2.0 */
/* The end of this device: it takes the server's order, signs a receipt, and destroys what it has
 * when the server has that. Layer: device. Thread: one; blocks. In the agent's folder:
 *
 *   wipe.json   the order, from before the receipt leaves: from now on nothing else is done
 *   wiped.json  the same, from when the server has the receipt or will not take it any more: all
 *               else goes, this stays
 *
 * An order that was taken is carried out, answered or not: a device whose receipt arrived and whose
 * acknowledgement was lost is refused from then on. */
#ifndef MRL_AGENT_WIPING_H
#define MRL_AGENT_WIPING_H

#include "device/agent/wipe_order.h"
#include "merlon/client.h"

enum { MRL_WIPING_REFUSALS_MOST = 6, MRL_WIPING_TOPIC = 128 };

struct mrl_wiping {
    const struct mrl_home *home; /* borrowed */
    char topic[MRL_WIPING_TOPIC];
    char answer_topic[MRL_WIPING_TOPIC];
    struct mrl_device_order order;
    bool taken;             /* the order is on the disk */
    struct mrl_buf receipt; /* to be sent; empty: the order comes again with the next connection */
    uint16_t packet;        /* the receipt under way; 0: none */
    bool answered;          /* the server has it */
    bool again;             /* no receipt could be made, or it was refused: the next connection
                             * brings the order once more */
    unsigned refusals;      /* to let us in, since it last did */
};
/* Goes on where an earlier run was. */
void mrl_wiping_init(struct mrl_wiping *w, const struct mrl_home *h);
void mrl_wiping_done(struct mrl_wiping *w);

/* An order that came over a connection that showed this identity: on the disk, and a receipt in
 * w->receipt, when this is MRL_OK. MRL_ERR_MALFORMED, MRL_ERR_DENIED: none for us. */
mrl_err mrl_wiping_take(struct mrl_wiping *w, mrl_bytes message, const struct mrl_identity *shown,
                        struct mrl_why *why);
/* The server let us in. */
void mrl_wiping_connected(struct mrl_wiping *w);
/* A connection ended: the next one brings the order again. by_server: it did not let us in. */
void mrl_wiping_disconnected(struct mrl_wiping *w, bool by_server);
/* Sends the receipt that waits, as soon as there is room. */
void mrl_wiping_send(struct mrl_wiping *w, struct merlon_client *client);
/* false: it was something else that is acknowledged. */
bool mrl_wiping_acknowledge(struct mrl_wiping *w, uint16_t packet_id, uint8_t reason);
/* Is there nothing more to wait for? */
bool mrl_wiping_is_due(const struct mrl_wiping *w);
/* Afterwards this is the folder of a wiped device, whose files are to be destroyed. */
mrl_err mrl_wiping_end(const struct mrl_wiping *w, struct mrl_why *why);

/* For every command, before it reads anything else of dir: destroys what is left in the folder of a
 * wiped device. MRL_OK: it is one, and nothing but wiped.json is left. MRL_ERR_NOT_FOUND: it is
 * none. Anything else: it is one, and not all could be destroyed. *order is empty when it cannot be
 * read. */
mrl_err mrl_wiping_finish(const struct mrl_disk *disk, const char *dir,
                          struct mrl_device_order *order, struct mrl_why *why);
/* Before dir gets an identity: MRL_ERR_EXISTS: the present one is still to sign a receipt. */
mrl_err mrl_wiping_make_room(const struct mrl_disk *disk, const char *dir, struct mrl_why *why);

#endif
