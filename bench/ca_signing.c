/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates a second from a key process that runs already made keystore, one request after the
 * other over its socket: wall clock, as most of it is waiting for hardware when that holds the key.
 * usage: ca_signing PROGRAM DIR GENERATION SECONDS BUDGET [source options]. Prints `rate R/s
 * (budget B/s)` last; exit 1 below the budget. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/key.h"
#include "keys/spawn.h"

enum { FIXED = 6 };

static void must(mrl_err err, const struct mrl_why *why)
{
    if (err == MRL_OK)
        return;
    (void)fprintf(stderr, "ca_signing: %s %s\n", mrl_err_name(err), why->text);
    exit(2);
}

static void take_source(int argc, char **argv, struct mrl_unlock_source *s)
{
    struct mrl_why why = {""};

    for (int i = FIXED; i + 1 < argc; i += 2)
        for (size_t at = 0; at < MRL_SOURCE_OPTIONS; at++)
            if (strcmp(argv[i] + 2, mrl_source_option(at, /*of_new=*/false)) == 0)
                must(mrl_source_take(s, at, argv[i + 1], &why), &why);
    must(mrl_source_check(s, "", &why), &why);
}

static void make_subject(struct mrl_buf *spki)
{
    MRL_AUTO(mrl_key) key = NULL;
    struct mrl_why why = {""};

    must(mrl_key_generate(MRL_KEY_P256, &key, &why), &why);
    must(mrl_key_to_spki(key, spki), &why);
}

static double measure(struct mrl_keys_client *c, uint8_t generation, uint64_t ms)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    struct mrl_keys_issue want = {
        .kind = MRL_KEYS_DEVICE, .generation = generation, .id = MRL_LIT("pump-7")};
    uint64_t begin = mrl_monotonic_ms(), now = begin, count = 0;
    struct mrl_why why = {""};

    make_subject(&spki);
    want.spki = mrl_buf_bytes(&spki);
    want.not_before = mrl_wall_s();
    want.not_after = want.not_before + 86400;
    for (; now < begin + ms; now = mrl_monotonic_ms(), count++) {
        MRL_SCOPED(mrl_buf) der = {0};

        must(mrl_keys_issue(c, &want, &der, &why), &why);
    }
    return (double)count * 1000 / (double)(now - begin);
}

int main(int argc, char **argv)
{
    MRL_AUTO(mrl_keys_client) c = NULL;
    struct mrl_keys_options o = {.issue_rate = 100000, .issue_burst = 1000000};
    struct mrl_why why = {""};
    double rate, budget;

    if (argc < FIXED) {
        (void)fputs("usage: ca_signing PROGRAM DIR GENERATION SECONDS BUDGET [source]\n", stderr);
        return 2;
    }
    o.program = argv[1];
    o.dir = argv[2];
    budget = strtod(argv[5], NULL);
    take_source(argc, argv, &o.source);
    must(mrl_keys_spawn(&o, &c, &why), &why);
    rate = measure(c, (uint8_t)strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10) * 1000);
    printf("rate %.0f/s (budget %.0f/s)\n", rate, budget);
    return rate >= budget ? 0 : 1;
}
