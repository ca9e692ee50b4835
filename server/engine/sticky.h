/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sticky.h - random ids of processes, for cookies that name one.
 *
 * A pid or a number would tell strangers what runs here, and one could be
 * guessed from the other. The master keeps the ids for the next engine.
 */
#ifndef APPPOOL_ENGINE_STICKY_H
#define APPPOOL_ENGINE_STICKY_H

#include "running.h"

/* Never 0. */
uint64_t sticky_random(void);

/* Its own id from now on; 0: a new one, never 0. */
void sticky_set(struct running *running, uint64_t id);

/* It goes. */
void sticky_forget(struct running *running);

/* The definition's process with this id, to be asked the core for; NULL: it is
 * gone, or another application's. */
struct running *sticky_find(const struct definition *definition, uint64_t id);

#endif
