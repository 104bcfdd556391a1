/* SPDX-License-Identifier: Apache-2.0 */
/* What happens once a second or on a signal, on the main thread; what blocks in it runs on a
 * service thread: checkpoints of the audit log, renewing the server's own certificate. Layer:
 * main. */
#ifndef MRL_MAIN_HOUSEKEEPING_H
#define MRL_MAIN_HOUSEKEEPING_H

#include "main/server_state.h"

/* Before the first thread is made: all of them inherit that SIGTERM and SIGINT wait for the main
 * thread. */
mrl_err mrl_housekeeping_block_signals(void);
/* The server's first certificate of this run, set on all workers before they start. */
mrl_err mrl_housekeeping_first_identity(struct mrl_server *s, struct mrl_why *why);
/* The operator takes the root key out while the daemon is stopped: the first start after it enters
 * that into the audit log. */
mrl_err mrl_housekeeping_record_export(struct mrl_server *s, struct mrl_why *why);
mrl_err mrl_housekeeping_start(struct mrl_server *s, struct mrl_why *why);
/* Returns after SIGTERM or SIGINT, or with an error when the key process died. */
mrl_err mrl_housekeeping_run(struct mrl_server *s, struct mrl_why *why);
void mrl_housekeeping_stop(struct mrl_server *s);
/* [service, or main when no worker runs] A checkpoint over the log as it is now. */
void mrl_housekeeping_checkpoint(struct mrl_server *s);
/* [any] The audit log asks for one, mrl_audit_options.wake. */
void mrl_housekeeping_wake(void *server);
/* [any] A step of a CA rollover was taken: the server's own certificate follows. */
void mrl_housekeeping_ca_changed(void *server);
/* [service, or main when no worker runs] Every CA that issues, or once did and still can sign, to
 * whoever tells outsiders what is revoked. */
void mrl_housekeeping_tell_issuers(struct mrl_server *s);
/* [service, or main when no worker runs] The roots, for clients on this machine. */
mrl_err mrl_housekeeping_write_roots(const struct mrl_server *s, struct mrl_why *why);
/* [service, or main when no worker runs] One entry, durable when this returns. */
mrl_err mrl_housekeeping_record(struct mrl_server *s, const struct mrl_audit_event *e);

#endif
