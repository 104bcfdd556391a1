/* SPDX-License-Identifier: Apache-2.0 */
/* What a device is expected with, beside its id: the key that it enrols with, the hardware it is
 * in. Whoever comes with another one gets no certificate. Layer: devices. Threads as marked.
 *
 * key: SHA-256 of the SubjectPublicKeyInfo that the first request and every one with a token, or
 * the maker's certificate that comes with it, must be for; the device may change its key when it
 * renews. serial: X520 serialNumber of the maker's certificate it must come with. ek: SHA-256 of
 * the SubjectPublicKeyInfo of the EK of the TPM that every key of its must be proven to be in. */
#ifndef MRL_DEVICES_EXPECTATION_H
#define MRL_DEVICES_EXPECTATION_H

#include "devices/registry.h"

struct mrl_hardware_proof; /* devices/hardware.h */

extern const struct mrl_migration_list mrl_expectation_migrations;

enum { MRL_EXPECTED_SERIAL_MAX = 64 }; /* RFC 5280 A.1 ub-serial-number */

struct mrl_expectation { /* borrowed; empty: whatever it is */
    mrl_bytes key;
    mrl_bytes serial;
    mrl_bytes ek;
};
static inline bool mrl_expects_nothing(const struct mrl_expectation *e)
{
    return e->key.len == 0 && e->serial.len == 0 && e->ek.len == 0;
}
bool mrl_expectation_eq(const struct mrl_expectation *a, const struct mrl_expectation *b);
/* MRL_ERR_INVALID. */
mrl_err mrl_expectation_check(const struct mrl_expectation *e, struct mrl_why *why);

/* For entries of the log: the members that are set. */
enum { MRL_EXPECTATION_DETAILS = 3 };
struct mrl_expectation_details {
    char key[2 * MRL_SHA256_SIZE + 1], ek[2 * MRL_SHA256_SIZE + 1];
};
struct mrl_audit_detail;
/* Appends to details, whose texts are in *memory or borrowed from e. */
size_t mrl_expectation_describe(const struct mrl_expectation *e,
                                struct mrl_expectation_details *memory,
                                struct mrl_audit_detail *details);

/* In any transaction: its members are views into *rows. A device without: nothing is expected. */
struct mrl_tx;
struct mrl_rows;
mrl_err mrl_expectation_find_tx(struct mrl_tx *tx, mrl_bytes device, struct mrl_rows **rows,
                                struct mrl_expectation *out);
/* [writer] Of a device that has none. Nothing looks for devices by key or TPM, so that a list of a
 * million random hashes is written in its own order: one that stands twice is whose it is that
 * enrols first (devices/credential.h, devices/hardware.h). MRL_ERR_INVALID: nobody may have it
 * (devices/denied_key.h). */
mrl_err mrl_expectation_insert_tx(struct mrl_tx *tx, mrl_bytes device,
                                  const struct mrl_expectation *e, struct mrl_why *why);

/* Which members change; those without become or stay what they are. */
struct mrl_expectation_change {
    bool key, serial, ek;
    struct mrl_expectation to;
};
/* [service] MRL_ERR_NOT_FOUND, MRL_ERR_STATE (retired), MRL_ERR_INVALID. */
mrl_err mrl_device_set_expectation(struct mrl_registry *r, const struct mrl_actor *actor,
                                   mrl_bytes id, const struct mrl_expectation_change *change,
                                   struct mrl_why *why);

/* What came for a certificate. */
struct mrl_shown {
    bool renews;         /* with its present certificate */
    mrl_bytes spki;      /* that is certified */
    mrl_bytes maker_key; /* SubjectPublicKeyInfo of its maker's certificate, empty: none came */
    mrl_bytes serial;    /* X520 serialNumber in it */
    const struct mrl_hardware_proof *proof; /* NULL: none */
    bool held;                              /* the key is proven, now or before */
};
/* [writer] In the job that gives the certificate. MRL_ERR_DENIED with a sentence. */
mrl_err mrl_expectation_judge_tx(struct mrl_tx *tx, mrl_bytes device, const struct mrl_shown *shown,
                                 struct mrl_why *why);

#endif
