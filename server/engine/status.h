/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h - everything the engine knows, as JSON (doc/status-json).
 */
#ifndef APPPOOL_ENGINE_STATUS_H
#define APPPOOL_ENGINE_STATUS_H

#include <jansson.h>

#include "client.h"

/* Channel message. */
void status_on_status(struct channel *channel, struct wire_message *m);

/* The channel is about to be freed. */
void status_channel_gone(struct channel *channel);

/* status_report.c: the whole of it, owned by the caller; NULL: no memory. */
json_t *status_report(struct engine *engine);

#endif
