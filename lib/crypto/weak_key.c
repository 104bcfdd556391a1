/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/weak_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

#include "crypto/hash.h"
#include "crypto/key.h"
#include "crypto/openssl.h"

OWNED_DEFINE(BN_CTX);

static void owned_BIGNUM_(BIGNUM **n)
{
    BN_free(*n);
}

static const struct {
    const char *name;
    const char *text;
} weaknesses[] = {
    [MRL_KEY_SOUND] = {"sound", "the key is good"},
    [MRL_KEY_SMALL_FACTOR] = {"small-factor", "the RSA modulus has a small prime factor"},
    [MRL_KEY_PRIME_MODULUS] = {"prime-modulus", "the RSA modulus is a prime"},
    [MRL_KEY_CLOSE_PRIMES] = {"close-primes", "the primes of the RSA key are close to each other"},
    [MRL_KEY_ROCA] = {"roca", "the RSA key was made by a broken generator (CVE-2017-15361)"},
    [MRL_KEY_SMALL_ORDER] = {"small-order", "the Ed25519 key is a point of small order"},
    [MRL_KEY_NOT_CANONICAL] = {"not-canonical", "the Ed25519 key is not spelled canonically"},
    [MRL_KEY_PUBLISHED] = {"published-key", "the private key is published; make a new one"},
    [MRL_KEY_DEAD_RANDOM] = {"dead-random-source",
                             "the private key is a constant: the random source does not work"},
};

const char *mrl_key_weakness_name(enum mrl_key_weakness w)
{
    return weaknesses[w < MRL_KEY_WEAKNESS_COUNT_ ? w : MRL_KEY_SOUND].name;
}

const char *mrl_key_weakness_text(enum mrl_key_weakness w)
{
    return weaknesses[w < MRL_KEY_WEAKNESS_COUNT_ ? w : MRL_KEY_SOUND].text;
}

/* --- RSA --- */

/* The odd primes up to 701: the broken generator builds every prime of 1024 bits and more on the
 * product of at least these. */
static const uint16_t small_primes[] = {
    3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,
    71,  73,  79,  83,  89,  97,  101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157,
    163, 167, 173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233, 239, 241, 251, 257,
    263, 269, 271, 277, 281, 283, 293, 307, 311, 313, 317, 331, 337, 347, 349, 353, 359, 367,
    373, 379, 383, 389, 397, 401, 409, 419, 421, 431, 433, 439, 443, 449, 457, 461, 463, 467,
    479, 487, 491, 499, 503, 509, 521, 523, 541, 547, 557, 563, 569, 571, 577, 587, 593, 599,
    601, 607, 613, 617, 619, 631, 641, 643, 647, 653, 659, 661, 673, 677, 683, 691, 701};

/* Is residue a power of 65537 modulo prime? */
static bool is_power(unsigned residue, unsigned prime)
{
    unsigned power = 1;

    do {
        if (power == residue)
            return true;
        power = power * (65537 % prime) % prime;
    } while (power != 1);
    return false;
}

/* Both primes of such a key are powers of 65537 modulo the product of the small primes, so the
 * modulus is one modulo each of them. Of other keys about one in 2^150 looks like that. Nemec et
 * al., The Return of Coppersmith's Attack, 2017, 4.1 */
static enum mrl_key_weakness judge_residues(const BIGNUM *n)
{
    bool roca = true;

    for (size_t i = 0; i < MRL_COUNT(small_primes); i++) {
        unsigned residue = (unsigned)BN_mod_word(n, small_primes[i]);

        if (residue == 0)
            return MRL_KEY_SMALL_FACTOR;
        roca = roca && is_power(residue, small_primes[i]);
    }
    return roca ? MRL_KEY_ROCA : MRL_KEY_SOUND;
}

/* The largest number whose square is at most n, by Newton's method from above. */
static bool square_root(const BIGNUM *n, BIGNUM *root, BN_CTX *ctx)
{
    OWNED(BIGNUM) next = BN_new();

    if (next == NULL || BN_one(root) != 1 || BN_lshift(root, root, (BN_num_bits(n) + 1) / 2) != 1)
        return false;
    for (;;) {
        if (BN_div(next, NULL, n, root, ctx) != 1 || BN_add(next, next, root) != 1 ||
            BN_rshift1(next, next) != 1)
            return false;
        if (BN_cmp(next, root) >= 0)
            return true;
        if (BN_copy(root, next) == NULL)
            return false;
    }
}

/* A square is 0, 1, 4 or 9 modulo 16: spares most roots. */
static bool is_square(const BIGNUM *n, BIGNUM *root, BIGNUM *square, BN_CTX *ctx)
{
    unsigned low = (unsigned)BN_mod_word(n, 16);

    if (low != 0 && low != 1 && low != 4 && low != 9)
        return false;
    if (BN_is_zero(n))
        return true;
    return square_root(n, root, ctx) && BN_sqr(square, root, ctx) == 1 && BN_cmp(square, n) == 0;
}

/* n = a^2 - b^2 with a near to the root of n. FIPS 186-5 A.1.3 has the primes differ. */
static bool has_close_primes(const BIGNUM *n, BN_CTX *ctx)
{
    OWNED(BIGNUM) a = BN_new();
    OWNED(BIGNUM) b2 = BN_new();
    OWNED(BIGNUM) root = BN_new();
    OWNED(BIGNUM) square = BN_new();

    if (a == NULL || b2 == NULL || root == NULL || square == NULL || !square_root(n, a, ctx))
        return false;
    for (unsigned i = 0; i <= MRL_FERMAT_ROUNDS; i++) {
        if (BN_sqr(b2, a, ctx) != 1 || BN_sub(b2, b2, n) != 1)
            return false;
        if (!BN_is_negative(b2) && is_square(b2, root, square, ctx))
            return true;
        if (BN_add_word(a, 1) != 1)
            return false;
    }
    return false;
}

/* Fermat's little theorem to base 2: enough, because only somebody who wants a bad key would build
 * a composite that passes. */
static bool is_prime(const BIGNUM *n, BN_CTX *ctx)
{
    OWNED(BIGNUM) power = BN_new();
    OWNED(BIGNUM) base = BN_new();

    return power != NULL && base != NULL && BN_set_word(base, 2) == 1 &&
           BN_copy(power, n) != NULL && BN_sub_word(power, 1) == 1 &&
           BN_mod_exp(power, base, power, n, ctx) == 1 && BN_is_one(power);
}

static enum mrl_key_weakness judge_rsa(const struct mrl_key *key)
{
    OWNED(BN_CTX) ctx = BN_CTX_new();
    OWNED(BIGNUM) n = NULL;
    enum mrl_key_weakness found;

    if (ctx == NULL || EVP_PKEY_get_bn_param(mrl_key_native(key), OSSL_PKEY_PARAM_RSA_N, &n) != 1)
        return MRL_KEY_SOUND;
    found = judge_residues(n);
    if (found != MRL_KEY_SOUND)
        return found;
    if (has_close_primes(n, ctx))
        return MRL_KEY_CLOSE_PRIMES;
    return is_prime(n, ctx) ? MRL_KEY_PRIME_MODULUS : MRL_KEY_SOUND;
}

/* --- Ed25519 --- */

enum { POINT = 32 };

/* y of the points whose order is 1, 2, 4 or 8, little-endian and without the sign of x. */
static const uint8_t small_order[][POINT + 1] = {
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    "\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    "\xec\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0"
    "\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05",
    "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f"
    "\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
};

/* y is at least 2^255-19. */
static bool is_not_reduced(const uint8_t y[static POINT])
{
    if (y[POINT - 1] != 0x7f || y[0] < 0xed)
        return false;
    for (size_t i = 1; i < POINT - 1; i++)
        if (y[i] != 0xff)
            return false;
    return true;
}

static enum mrl_key_weakness judge_ed25519(const struct mrl_key *key)
{
    uint8_t y[POINT];
    size_t len = sizeof(y);

    if (EVP_PKEY_get_raw_public_key(mrl_key_native(key), y, &len) != 1 || len != sizeof(y))
        return MRL_KEY_SOUND;
    y[POINT - 1] &= 0x7f;
    if (is_not_reduced(y))
        return MRL_KEY_NOT_CANONICAL;
    for (size_t i = 0; i < MRL_COUNT(small_order); i++)
        if (memcmp(y, small_order[i], POINT) == 0)
            return MRL_KEY_SMALL_ORDER;
    return MRL_KEY_SOUND;
}

enum mrl_key_weakness mrl_key_weakness(mrl_bytes spki)
{
    MRL_AUTO(mrl_key) key = NULL;

    if (mrl_key_from_spki(spki, &key, NULL) != MRL_OK)
        return MRL_KEY_SOUND;
    return mrl_key_weakness_of(key, spki);
}

enum mrl_key_weakness mrl_key_hash_weakness(mrl_bytes sha256)
{
    if (mrl_key_is_published(sha256))
        return MRL_KEY_PUBLISHED;
    return mrl_key_is_of_dead_random(sha256) ? MRL_KEY_DEAD_RANDOM : MRL_KEY_SOUND;
}

enum mrl_key_weakness mrl_key_weakness_of(const struct mrl_key *key, mrl_bytes spki)
{
    enum mrl_key_weakness w = MRL_KEY_SOUND;
    uint8_t hash[MRL_SHA256_SIZE];

    MRL_OPENSSL_SCOPE();
    if (mrl_sha256(spki, hash) == MRL_OK)
        w = mrl_key_hash_weakness(mrl_bytes_of(hash, sizeof(hash)));
    if (w != MRL_KEY_SOUND)
        return w;
    if (mrl_key_type(key) == MRL_KEY_RSA)
        return judge_rsa(key);
    return mrl_key_type(key) == MRL_KEY_ED25519 ? judge_ed25519(key) : MRL_KEY_SOUND;
}
