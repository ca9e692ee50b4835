/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.h - what an administrator, or a library user, tells the pool.
 */
#ifndef APPPOOL_ENGINE_ADMIN_H
#define APPPOOL_ENGINE_ADMIN_H

#include "client.h"

struct definition;

/* Someone who waits for a restart of one or all applications to be over. */
struct restart_wait;

/* Link message: what the engine before was set to. */
void admin_on_limits(struct engine *engine, struct wire_message *m);

void admin_on_set_max(struct channel *channel, struct wire_message *m);
void admin_on_set_max_idle_time(struct channel *channel,
                                struct wire_message *m);
void admin_on_clear(struct channel *channel, struct wire_message *m);
void admin_on_get_active(struct channel *channel, struct wire_message *m);
void admin_on_get_count(struct channel *channel, struct wire_message *m);
void admin_on_get_server_pid(struct channel *channel, struct wire_message *m);
void admin_on_restart(struct channel *channel, struct wire_message *m);
void admin_on_detach_process(struct channel *channel, struct wire_message *m);

/* All applications, rolling; nobody waits for it. */
void admin_restart_all(struct engine *engine);

/* The core's decision: this restart is over; error NULL: new code serves. */
void admin_on_restarted(struct definition *definition, const char *error);

/* Tell those who waited, after the leases of old processes were recalled:
 * whoever is told that new code serves must not meet the old. */
void admin_settle(struct engine *engine);

/* The definition goes: whoever waits for its restart is told. */
void admin_refuse_restarts(struct definition *definition);

/* Nobody is there any more to be told. */
void admin_channel_gone(struct engine *engine, struct channel *channel);

#endif
