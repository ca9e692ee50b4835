/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - the engine's end of the socket to the master.
 *
 * The link is reliable and ordered; what the socket cannot take at once waits
 * in a queue here. The master believes numbers only, and checks each.
 */
#ifndef APPPOOL_ENGINE_LINK_H
#define APPPOOL_ENGINE_LINK_H

#include "engine.h"

/* Begin to listen to fd. 0 or -errno. */
int link_open(struct engine *engine, int fd);
void link_close(struct engine *engine);

/* Requests to the master (protocol.h says what each does and answers).
 * sticky: the process's id for cookies. */
void link_spawn(struct engine *engine, uint32_t process, uint32_t app,
                unsigned listeners, uint64_t sticky);
void link_fork(struct engine *engine, uint32_t process, uint32_t preloader,
               unsigned listener, uint64_t sticky);
void link_ready(struct engine *engine, uint32_t process);
void link_kill(struct engine *engine, uint32_t process, int signal);
void link_connect(struct engine *engine, uint32_t client, uint32_t slot,
                  uint32_t process, bool wait_accept);
void link_revoke(struct engine *engine, uint32_t client, uint32_t slot);
void link_drop_client(struct engine *engine, uint32_t client);
void link_make_channel(struct engine *engine, uint32_t client,
                       uint32_t channel);
void link_drop_channel(struct engine *engine, uint32_t client,
                       uint32_t channel);
/* leases: as its HELLO said; likewise generation. */
void link_greeted(struct engine *engine, uint32_t client, uint32_t generation,
                  bool leases);
void link_forget(struct engine *engine, uint32_t app);
void link_watch(struct engine *engine, uint32_t app, enum watch_how how);
void link_keep_draining(struct engine *engine, bool draining);
void link_measure(struct engine *engine, uint32_t process);
/* engine->limits, for the next engine. */
void link_limits(struct engine *engine);
/* get: the GET with ROOT and perhaps APP, LOWER, LOWEST_USER. */
void link_adopt(struct engine *engine, uint32_t request_id,
                const struct wire_message *get);

#endif
