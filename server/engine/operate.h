/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operate.h - what an administrator asks beside limits and restarts: draining,
 * backtraces, the configuration in words.
 */
#ifndef APPPOOL_ENGINE_OPERATE_H
#define APPPOOL_ENGINE_OPERATE_H

#include "client.h"

/* Channel messages. */
void operate_on_drain(struct channel *channel, struct wire_message *m);
void operate_on_backtrace(struct channel *channel, struct wire_message *m);
void operate_on_config(struct channel *channel, struct wire_message *m);

/* Link message. */
void operate_on_describe(struct engine *engine, struct wire_message *m);

/* No answers are owed any more; for the end. */
void operate_end(struct engine *engine);

#endif
