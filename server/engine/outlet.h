/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlet.h - where the output of processes goes: PoolLogFile, their virtual
 * host's log, or the pool's own.
 *
 * A preloader and all that it forked write to one pipe, which may outlive it:
 * an outlet is shared by them and goes with the last.
 */
#ifndef APPPOOL_ENGINE_OUTLET_H
#define APPPOOL_ENGINE_OUTLET_H

#include "running.h"

struct outlet {
    struct definition *definition;
    uint32_t family;        /* number of whose pipe it was at first */
    pid_t pid;              /* of the process it came with */
    unsigned n_processes;   /* that share it */
    struct output *output;
};

/* The process writes to fd (taken over). */
void outlet_open(struct running *running, int *fd);

/* It shares the outlet of its preloader's family, where there is one. */
void outlet_join(struct running *running);

/* It is gone. Harmless without an outlet. */
void outlet_leave(struct running *running);

/* Read what is there. NULL inside is fine. */
void outlet_drain(struct outlet *outlet);

/* output_tail() and its like, of the process's outlet. */
const char *outlet_tail(const struct running *running);

#endif
