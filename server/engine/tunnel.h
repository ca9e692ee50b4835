/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel.h - sessions that have become another protocol (WebSocket ...).
 *
 * A tunnel lasts as long as its client likes: no limit for requests applies to
 * it. It would keep an old process for as long, so it ends with its process: as
 * soon as that is to go, its connection is revoked, and the client connects
 * anew, to the new code. An engine that follows a crash does not know which
 * sessions are tunnels; to it they are long requests.
 */
#ifndef APPPOOL_ENGINE_TUNNEL_H
#define APPPOOL_ENGINE_TUNNEL_H

#include "slot.h"

void tunnel_on_upgraded(struct channel *channel, struct wire_message *m);

/* Is the slot a tunnel whose process is to end? Then it has been ended, and the
 * slot is gone. */
bool tunnel_end_if_due(struct slot *slot);

#endif
