/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_random.c - chance, from the seed.
 */
#include "sim_internal.h"

#include <math.h>

/* 0 .. limit - 1; xorshift64* */
uint64_t sim_random(struct sim *sim, uint64_t limit)
{
    sim->random ^= sim->random >> 12;
    sim->random ^= sim->random << 25;
    sim->random ^= sim->random >> 27;
    return ((sim->random * UINT64_C(0x2545f4914f6cdd1d)) >> 11) % limit;
}

/* Does this fault happen now? */
bool sim_chance(struct sim *sim, enum sim_fault fault, unsigned one_in)
{
    bool hit = sim_random(sim, one_in) == 0;

    return hit && !sim->calm && (sim->options->faults >> fault & 1);
}

/* Exponential. */
int64_t sim_time(struct sim *sim, int64_t mean_us)
{
    double u = ((double)sim_random(sim, 1U << 30) + 1) / (1U << 30);

    return (int64_t)(-log(u) * (double)mean_us) + 1;
}
