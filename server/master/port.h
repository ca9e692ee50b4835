/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port.h - loopback ports for programs that cannot take a socket over ($PORT).
 *
 * Less private than our own sockets: every local user can connect to one. That
 * nobody else listens there in the program's place is checked.
 */
#ifndef APPPOOL_MASTER_PORT_H
#define APPPOOL_MASTER_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A port nobody listens at, outside of the range that the kernel gives to
 * outgoing connections where there is room; host byte order. 0: none is free.
 * is_taken: is it promised to somebody already?
 */
uint16_t port_choose(bool (*is_taken)(void *baton, uint16_t port),
                     void *baton);

/*
 * Connect without waiting, to 127.0.0.1 or else ::1. *fd_r: a non-blocking
 * stream, yours. 0, -ECONNREFUSED (nobody listens), -EAGAIN (backlog full),
 * other -errno.
 */
int port_connect(uint16_t port, int *fd_r);

/* Who listens at this port? false: nobody, as far as /proc/net tells. */
bool port_owner(uint16_t port, uid_t *uid_r);

#endif
