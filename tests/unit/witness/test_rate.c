/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/rate.h"

#include "tests/unit/unit.h"

static struct mrl_witness_rate rate;

static const struct mrl_peer peer = {.kind = MRL_PEER_IPV4, .ip = {192, 0, 2, 1}};

static void a_source_has_its_burst_and_then_its_rate(void **state)
{
    (void)state;
    rate = (struct mrl_witness_rate){.per_second = 2};
    for (int i = 0; i < 2 * MRL_WITNESS_BURST; i++)
        assert_true(mrl_witness_rate_take(&rate, &peer, 5000));
    assert_false(mrl_witness_rate_take(&rate, &peer, 5000));
    assert_false(mrl_witness_rate_take(&rate, &peer, 5499));
    assert_true(mrl_witness_rate_take(&rate, &peer, 5500));
    assert_false(mrl_witness_rate_take(&rate, &peer, 5500));
    for (int i = 0; i < 2 * MRL_WITNESS_BURST; i++) /* all again, but never more */
        assert_true(mrl_witness_rate_take(&rate, &peer, 1000000));
    assert_false(mrl_witness_rate_take(&rate, &peer, 1000000));
}

/* Two of a thousand sources may share a bucket; they do not all. */
static void sources_are_told_apart(void **state)
{
    struct mrl_peer other = peer;
    unsigned passed = 0;

    (void)state;
    rate = (struct mrl_witness_rate){.per_second = 1};
    while (mrl_witness_rate_take(&rate, &peer, 5000))
        continue;
    for (unsigned i = 2; i < 102; i++) {
        other.ip[3] = (uint8_t)i;
        passed += mrl_witness_rate_take(&rate, &other, 5000);
    }
    assert_true(passed > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_has_its_burst_and_then_its_rate),
        cmocka_unit_test(sources_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
