/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes from the kernel. Layer: base. Thread: any. */
#ifndef MRL_BASE_RANDOM_H
#define MRL_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Blocks until the kernel's generator is seeded; aborts when the kernel has none. */
void mrl_random(void *to, size_t len);
uint32_t mrl_random_below(uint32_t bound); /* uniform in [0, bound), bound > 0 */
/* Start-up check of the source (repetition and proportion over 4 KiB): a program that makes keys
 * calls it first and makes none when it fails. NIST SP 800-90B 4.4 */
mrl_err mrl_random_check(struct mrl_why *why);
/* The same check over given samples, for tests. */
mrl_err mrl_random_judge(const uint8_t *sample, size_t len, struct mrl_why *why);

#endif
