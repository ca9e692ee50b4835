/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h - the whole pool as JSON, version 1 (jansson).
 */
#ifndef APPPOOL_ENGINE_STATUS_H
#define APPPOOL_ENGINE_STATUS_H

#include "client.h"

void status_on_status(struct channel *channel, struct wire_message *m);

#endif
