/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet.h - one packet with its descriptors, below messages and rendezvous.
 *
 * For server/wire only; everybody else uses socket.h.
 */
#ifndef APPPOOL_WIRE_PACKET_H
#define APPPOOL_WIRE_PACKET_H

#include "socket.h"

#include <stdbool.h>
#include <sys/socket.h>

/* What came with the bytes. */
struct packet {
    size_t len;
    int fds[WIRE_MAX_FDS]; /* owned by who received it */
    unsigned n_fds;
    bool is_cut; /* bytes or descriptors are missing */
    struct wire_sender sender;
};

/* Send one packet without waiting; fds are borrowed. 0, -EAGAIN, -EPIPE,
 * other -errno. */
int packet_send(int fd, const void *bytes, size_t len, const int *fds,
                unsigned n_fds);

/* Receive one packet of at most `size` bytes without waiting. 1; 0: end of
 * file; -EAGAIN; other -errno. */
int packet_receive(int fd, void *bytes, size_t size, struct packet *packet);

/* Close the descriptors still in it. */
void packet_close(struct packet *packet);

/* The monotonic clock. */
int64_t packet_now_ms(void);

/* Empty m, with room for the longest message. */
void wire_message_room(struct wire_message *m);

#endif
