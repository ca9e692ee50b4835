/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takeover.h - processes that an engine before this one had started, and
 * connections that it had lent.
 *
 * The master tells them; the boards' words say what has become of those.
 */
#ifndef APPPOOL_ENGINE_TAKEOVER_H
#define APPPOOL_ENGINE_TAKEOVER_H

#include "engine.h"

/* Link messages, before START. */
void takeover_on_spawned(struct engine *engine, struct wire_message *m);
void takeover_on_slot_kept(struct engine *engine, struct wire_message *m);

/* All has been told: make words and slots agree. */
void takeover_slots(struct engine *engine);

/* After that: hand the processes to the core. */
void takeover_processes(struct engine *engine);

#endif
