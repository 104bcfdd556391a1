/* SPDX-License-Identifier: Apache-2.0 */
/* Every action an audit entry can name: stable names, never reused. Layer: server/audit.
 * docs/operate/audit-events.md is made from this table; a test compares them. */
#ifndef MRL_AUDIT_ACTIONS_H
#define MRL_AUDIT_ACTIONS_H

#include "base/bytes.h"

/* clang-format off */
#define MRL_AUDIT_ACTIONS(X) \
    X(DEVICE_ADDED, "device.added", "A device was made known; it has no credential yet.") \
    X(DEVICE_ENROLLED, "device.enrolled", "A device got its first certificate.") \
    X(DEVICE_REENROLLED, "device.reenrolled", "A device renewed its certificate.") \
    X(DEVICE_PSK_ADDED, "device.psk_added", "A device got a pre-shared key; the entry has its identity, never the key.") \
    X(DEVICE_ACTIVATED, "device.activated", "A device went from expected to active.") \
    X(DEVICE_SUSPENDED, "device.suspended", "An operator switched a device off.") \
    X(DEVICE_RESUMED, "device.resumed", "An operator switched a suspended device on again.") \
    X(DEVICE_QUARANTINED, "device.quarantined", "A device was cut off from everything but its own repair.") \
    X(DEVICE_RELEASED, "device.released", "A device left quarantine.") \
    X(DEVICE_RETIRED, "device.retired", "A device was taken out of service: its id, keys and hardware never enrol again unless an operator lifts that.") \
    X(DEVICE_EXPIRING, "device.expiring", "A certificate of a device ends within as many days as the entry says, its time to renew is over, and it has no other one.") \
    X(DEVICE_LIFTED, "device.lifted", "An operator lifted the end of a retired device: it is expected again and needs a new certificate.") \
    X(DEVICE_REVOKED, "device.revoked", "A certificate of a device was revoked.") \
    X(DEVICE_CHANGED, "device.changed", "The record of a device (group, attributes, note) changed.") \
    X(DEVICE_LOG_ANCHORED, "device.log_anchored", "A device told the head of its own event log.") \
    X(DEVICE_LOG_ROLLED_BACK, "device.log_rolled_back", "The event log of a device is behind, or another than, what it told before.") \
    X(DEVICE_HARDWARE_PROVEN, "device.hardware_proven", "A device proved that the key of its certificate is in a TPM.") \
    X(DEVICE_HARDWARE_LIFTED, "device.hardware_lifted", "An operator allowed the TPM of a device to become that of another one.") \
    X(DEVICE_WIPE_ORDERED, "device.wipe_ordered", "A device that is retired is to destroy its key; until the time in the entry it may come for the order.") \
    X(DEVICE_WIPED, "device.wiped", "A retired device signed that it destroys its key; the entry has what was signed and the signature.") \
    X(DEVICE_WIPE_REFUSED, "device.wipe_refused", "A retired device sent a receipt that does not hold.") \
    X(DEVICE_FLAPPING, "device.flapping", "A device or application connected too often and is kept out for a while.") \
    X(DEVICE_FLOODING, "device.flooding", "A device or application sent too fast for too long and is kept out for a while.") \
    X(SOURCE_LIMITED, "source.limited", "Connections of a source were refused: too many in a minute.") \
    X(SOURCE_BLOCKED, "source.blocked", "A source failed too often to show who it is and is kept out for a while.") \
    X(BLOCK_LIFTED, "block.lifted", "An operator let somebody in again who was kept out.") \
    X(TOKEN_CREATED, "token.created", "A one-time enrolment token was made; the entry has its id, never its text.") \
    X(TOKEN_DELETED, "token.deleted", "An unused enrolment token was withdrawn.") \
    X(TOKEN_REFUSED, "token.refused", "An enrolment token was unknown, used, expired or for another device.") \
    X(CLAIM_CREATED, "claim.created", "A claim certificate was made, for many devices to get their own with.") \
    X(CLAIM_REVOKED, "claim.revoked", "A claim certificate was revoked; its connections are closed.") \
    X(TEMPLATE_SET, "template.set", "A provisioning template was made or replaced; the details are what it says now, without its secret.") \
    X(TEMPLATE_DELETED, "template.deleted", "A provisioning template was deleted.") \
    X(PROVISIONING_CERTIFIED, "provisioning.certified", "A certificate was made for the holder of a claim; it is nobody's until it is registered.") \
    X(PROVISIONING_REGISTERED, "provisioning.registered", "The holder of a claim became a device; the details are the template and its version.") \
    X(PROVISIONING_EXPIRED, "provisioning.expired", "Certificates made for holders of a claim were not registered in time; nothing accepts them.") \
    X(PROVISIONING_REFUSED, "provisioning.refused", "A holder of a claim was refused a certificate or a registration.") \
    X(ENROL_REFUSED, "enrol.refused", "A request for a certificate was refused.") \
    X(ENROL_REPEATED, "enrol.repeated", "A device that lost the answer to its enrolment got the same certificate again.") \
    X(KEY_DENIED, "key.denied", "Keys were put on the deny-list; the target is the first, the digest is over the names of all. Certificates that had one were revoked, each with an entry of its own.") \
    X(KEY_ALLOWED, "key.allowed", "A key was taken off the deny-list; what was revoked stays revoked.") \
    X(DEVICE_INTRODUCED, "device.introduced", "A device showed a certificate of a registered maker for the first time: its key belongs to this device for ever.") \
    X(MAKER_ADDED, "maker.added", "A maker was registered: certificates of its CAs introduce devices.") \
    X(MAKER_CHANGED, "maker.changed", "The lists of revoked certificates of a maker changed.") \
    X(MAKER_REMOVED, "maker.removed", "A maker was removed: its certificates introduce nobody any more; devices stay.") \
    X(APPROVAL_REQUESTED, "approval.requested", "A device waits until an operator approves it.") \
    X(APPROVAL_APPROVED, "approval.approved", "An operator let a waiting device in.") \
    X(APPROVAL_REFUSED, "approval.refused", "An operator refused a waiting device, or took an approval back that was not used yet.") \
    X(CONNECTION_OPENED, "connection.opened", "A device or application connected.") \
    X(CONNECTION_CLOSED, "connection.closed", "A connection ended.") \
    X(CONNECTION_REFUSED, "connection.refused", "A connection was refused: credential, state, quota or protocol.") \
    X(CONNECTION_PROVED, "connection.proved", "A connected client proved again that it holds its key, or could not.") \
    X(PUBLISH_DENIED, "publish.denied", "A message was not let through to its topic.") \
    X(SUBSCRIBE_DENIED, "subscribe.denied", "A subscription was refused, or is no longer allowed.") \
    X(QUEUE_FULL, "queue.full", "Messages for a session were dropped, because too many wait in it; the target is its client id.") \
    X(API_DENIED, "api.denied", "A management request was refused.") \
    X(ROLE_ADDED, "role.added", "A role was made.") \
    X(ROLE_CHANGED, "role.changed", "The rules of a role changed.") \
    X(ROLE_DELETED, "role.deleted", "A role was deleted.") \
    X(ROLE_GRANTED, "role.granted", "A role was given to a device, group, application or operator.") \
    X(ROLE_WITHDRAWN, "role.withdrawn", "A role was taken away again.") \
    X(QUOTA_CHANGED, "quota.changed", "What a device, group or application may use up changed; the details are all that is given to it now.") \
    X(APPLICATION_ADDED, "application.added", "A back-end application was made known.") \
    X(APPLICATION_CHANGED, "application.changed", "The record or a credential of an application changed.") \
    X(APPLICATION_DELETED, "application.deleted", "An application was removed; its credentials no longer work.") \
    X(OPERATOR_ADDED, "operator.added", "An operator was made known.") \
    X(OPERATOR_CHANGED, "operator.changed", "The record or a credential of an operator changed.") \
    X(OPERATOR_DELETED, "operator.deleted", "An operator was removed; the credentials no longer work.") \
    X(RENEWAL_ORDERED, "renewal.ordered", "An operator had all devices, or a group, renew their certificates.") \
    X(RENEWAL_CANCELLED, "renewal.cancelled", "An order to renew was stopped; devices it has not come to keep their certificates.") \
    X(RENEWAL_RESUMED, "renewal.resumed", "An order to renew that was stopped goes on.") \
    X(RENEWAL_ENDED, "renewal.ended", "All devices of an order to renew have renewed.") \
    X(CA_ROOT_EXPORTED, "ca.root_exported", "The private root key was written out for safe keeping.") \
    X(CA_PREPARED, "ca.prepared", "A CA was found in the keystore for the first time; from now on everybody is given its certificate. The target is the CA.") \
    X(CA_ACTIVATED, "ca.activated", "A CA was put to use: an issuing CA signs from now on, a root is what new devices are told to trust. The one before is superseded.") \
    X(CA_EXPIRING, "ca.expiring", "An active CA ends within as many days as the entry says. The first of these entries is that it ends before a certificate that is issued now would: it is time for the next CA.") \
    X(CA_RETIRED, "ca.retired", "A CA was retired: nobody is given its certificate any more; breaking counts the devices that were left behind.") \
    X(KEYS_LOST, "keys.lost", "The key process ended; nothing is issued and no checkpoint is signed until it is back.") \
    X(KEYS_BACK, "keys.back", "The key process runs again.") \
    X(KEYS_ROTATION_STARTED, "keys.rotation_started", "A new data key was made; everything sealed is sealed again under it.") \
    X(KEYS_ROTATED, "keys.rotated", "A rotation of data keys ended; failed counts what does not open and was left.") \
    X(KEYS_REWRAPPED, "keys.rewrapped", "All data keys were wrapped again under the newest sealing key.") \
    X(SERVER_STARTED, "server.started", "The daemon started.") \
    X(SERVER_STOPPED, "server.stopped", "The daemon stopped in good order.") \
    X(SERVER_CERTIFICATE_ISSUED, "server.certificate_issued", "The daemon got a certificate for its own listeners.") \
    X(SERVER_CLOCK_DOUBTED, "server.clock_doubted", "The clock of the server jumped by more than an hour; the daemon goes on with the time it knows and issues nothing.") \
    X(SERVER_CLOCK_GOOD, "server.clock_good", "The clock of the server is right again.") \
    X(SERVER_CLOCK_ACCEPTED, "server.clock_accepted", "An operator let the daemon start although its clock is far from what the store has seen last.") \
    X(OCSP_CERTIFICATE_ISSUED, "server.ocsp_certificate_issued", "The daemon got a certificate to sign OCSP answers with.") \
    X(BACKUP_CREATED, "backup.created", "A backup of the store was made; the entry has its recipients, sizes and hash.") \
    X(BACKUP_RESTORED, "backup.restored", "The daemon started with a store out of a backup; what happened after the backup was made is not in it.") \
    X(AUDIT_VERIFIED, "audit.verified", "Someone had this log verified; the outcome is the verdict.") \
    X(EVENTS_OPENED, "events.opened", "An operator began to read live messages; the target is the topic filter.") \
    X(AUDIT_ERASED, "audit.erased", "What opens the personal fields of one actor was erased; the entries stay.") \
    X(AUDIT_PRUNED, "audit.pruned", "Entries before a number were removed; their hashes stay.") \
    X(AUDIT_ROLLBACK_ACCEPTED, "audit.rollback_accepted", "An operator let the daemon start although its log is shorter than it was.") \
    X(AUDIT_ROLLBACK_SUSPECTED, "audit.rollback_suspected", "A witness has seen a longer log, or another one: the database was rolled back or rewritten.") \
    X(AUDIT_WITNESS_LATE, "audit.witness_late", "Entries wait longer for the cosignature of a witness than the limit says.") \
    X(AUDIT_WITNESS_BACK, "audit.witness_back", "A witness that was late has cosigned again.") \
    X(EXPORT_FAILED, "export.failed", "A sink of the audit log does not take entries; they wait. The target is the sink.") \
    X(EXPORT_RESUMED, "export.resumed", "A sink that failed takes entries again.") \
    X(EXPORT_LAGGING, "export.lagging", "A sink is further behind the log than its alarm allows.") \
    X(EXPORT_GAP, "export.gap", "Entries that a sink never got are no longer in the log; the details name them.") \
    X(MESSAGES_NOT_STORED, "messages.not_stored", "The store does not take messages (disk full): they are refused until it does.") \
    X(MESSAGES_STORED_AGAIN, "messages.stored_again", "The store takes messages again.") \
    X(STORE_RECOVERED, "store.recovered", "The store takes entries again; the details say for how many seconds it took none.") \
    X(AUDIT_LOST, "audit.lost", "Entries that storage refused (disk full); repeated says how many.")
/* clang-format on */

enum mrl_audit_action {
#define MRL_AUDIT_ACTION_ENUM(name, text, meaning) MRL_AUDIT_##name,
    MRL_AUDIT_ACTIONS(MRL_AUDIT_ACTION_ENUM)
#undef MRL_AUDIT_ACTION_ENUM
        MRL_AUDIT_ACTION_COUNT_
};

/* "device.added". Never NULL for a value of the enum. */
const char *mrl_audit_action_name(enum mrl_audit_action action);
const char *mrl_audit_action_meaning(enum mrl_audit_action action);

#endif
