/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_system.h - processes that are none, for a master in a fuzzer.
 *
 * What it starts only has a number, beyond those that the kernel gives. The
 * calls are replaced where the fuzzer is linked (ld --wrap).
 */
#ifndef APPPOOL_FUZZ_MASTER_SYSTEM_H
#define APPPOOL_FUZZ_MASTER_SYSTEM_H

#include <stdbool.h>
#include <sys/types.h>

struct system {
    pid_t last;      /* number of the last process that was started */
    pid_t dead;      /* waits to be reaped; 0: none does */
    pid_t speaker;   /* who has sent what is read now; 0: as it is */
    bool elsewhere;  /* the speaker is no process of the pool */
    int status;      /* of the dead one */
};

extern struct system master_system;

/* The first number is the next one's again. */
void master_system_reset(void);

/* The n-th, started or not. */
pid_t master_system_pid(unsigned n);

#endif
