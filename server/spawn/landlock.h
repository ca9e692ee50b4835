/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - PoolIsolation files and signals.
 */
#ifndef APPPOOL_SPAWN_CONFINE_H
#define APPPOOL_SPAWN_CONFINE_H

#include "spawn.h"

/* For good, and for all that is executed from here on. */
void confine(const struct spawn *spawn);

#endif
