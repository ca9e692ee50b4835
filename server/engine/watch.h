/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - files of applications, as the watcher sees them.
 *
 * An application is watched from its first start on and for as long as it has
 * processes, or waits for a start after one that failed.
 */
#ifndef APPPOOL_ENGINE_WATCH_H
#define APPPOOL_ENGINE_WATCH_H

#include "definition.h"

/* A process of it is about to be started / the last one has gone. */
void watch_begin(struct engine *engine, struct definition *definition);
void watch_end(struct engine *engine, struct definition *definition);

/* A new engine asks for what the one before had asked for. */
void watch_again(struct engine *engine);

/* Link message. */
void watch_on_seen(struct engine *engine, struct wire_message *m);

#endif
