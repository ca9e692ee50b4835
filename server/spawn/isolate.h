/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolate.h - PoolIsolation, as a whole.
 */
#ifndef APPPOOL_SPAWN_ISOLATE_H
#define APPPOOL_SPAWN_ISOLATE_H

#include "spawn.h"

void isolate_places(struct spawn *spawn);
void isolate_process(const struct spawn *spawn);

#endif
