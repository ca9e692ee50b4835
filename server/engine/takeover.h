/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takeover.h - connections that an engine before this one had lent.
 *
 * The master tells them; the boards' words say what has become of them.
 */
#ifndef APPPOOL_ENGINE_TAKEOVER_H
#define APPPOOL_ENGINE_TAKEOVER_H

#include "engine.h"

/* Link message. */
void takeover_on_slot_kept(struct engine *engine, struct wire_message *m);

/* All has been told: make words and slots agree. */
void takeover_slots(struct engine *engine);

#endif
