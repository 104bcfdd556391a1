/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys that have a form we accept (crypto/key.h) and are worth nothing: others can find the
 * private key, or have it. Layer: crypto. Thread: any. Inputs are borrowed. */
#ifndef MRL_CRYPTO_WEAK_KEY_H
#define MRL_CRYPTO_WEAK_KEY_H

#include "base/bytes.h"

enum mrl_key_weakness {
    MRL_KEY_SOUND,
    MRL_KEY_SMALL_FACTOR,  /* RSA: the modulus has a prime factor below 702 */
    MRL_KEY_PRIME_MODULUS, /* RSA: the modulus is one prime */
    MRL_KEY_CLOSE_PRIMES,  /* RSA: Fermat's method factors it */
    MRL_KEY_ROCA,          /* RSA: made by the library of CVE-2017-15361 */
    MRL_KEY_SMALL_ORDER,   /* Ed25519: a point of order 8 or less; it signs everything */
    MRL_KEY_NOT_CANONICAL, /* Ed25519: a second spelling of a point, RFC 8032 5.1.3 */
    MRL_KEY_PUBLISHED,     /* its private key stands in a standard or a test suite */
    MRL_KEY_DEAD_RANDOM,   /* its private key is one byte repeated, or counts */
    MRL_KEY_WEAKNESS_COUNT_
};
const char *mrl_key_weakness_name(enum mrl_key_weakness w); /* "roca"; stable, for logs */
const char *mrl_key_weakness_text(enum mrl_key_weakness w); /* a sentence for the device's maker */

/* How near to the square root of the modulus Fermat's method looks. */
enum { MRL_FERMAT_ROUNDS = 100 };

/* Of a SubjectPublicKeyInfo that mrl_key_from_spki accepts. What it refuses, or what cannot be
 * judged (memory), counts as sound here. */
enum mrl_key_weakness mrl_key_weakness(mrl_bytes spki);
/* The same for who has read it already. */
struct mrl_key;
enum mrl_key_weakness mrl_key_weakness_of(const struct mrl_key *key, mrl_bytes spki);

/* What the SHA-256 of a SubjectPublicKeyInfo alone tells. */
enum mrl_key_weakness mrl_key_hash_weakness(mrl_bytes sha256);

/* known_keys.c: is it the SHA-256 of the SubjectPublicKeyInfo of a published key? */
bool mrl_key_is_published(mrl_bytes sha256);
/* dead_random.c: the same of keys whose private part is one byte repeated, or counts. */
bool mrl_key_is_of_dead_random(mrl_bytes sha256);

#endif
