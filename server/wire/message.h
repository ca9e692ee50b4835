/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - one message in memory: built, checked, read.
 *
 * A struct wire_message owns its descriptors until they are taken; clearing it
 * closes what is left, so no path can leak one. What wire_receive() gives out
 * has passed the tables of apppool/protocol.h: a handler that asks for a needed
 * field always finds it, of the right size, TEXT without NUL.
 * The memory is one buffer per message; field pointers live as long as it.
 */
#ifndef APPPOOL_WIRE_MESSAGE_H
#define APPPOOL_WIRE_MESSAGE_H

#include "apppool/protocol.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Who sent it, as the kernel says (SCM_CREDENTIALS); pid 0: it did not say. */
struct wire_sender {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

struct wire_message {
    uint8_t *data;  /* header and payload; owned; NULL when empty */
    size_t len;     /* bytes used of data */
    size_t size;    /* bytes allocated */
    int fds[WIRE_MAX_FDS]; /* owned; first n_fds are valid or -1 when taken */
    unsigned n_fds;
    struct wire_sender sender; /* received messages only */
    uint32_t offset[FIELD_COUNT]; /* of each field's bytes in data; 0: absent */
};

/* An empty message; wire_message_clear() is then always allowed. */
void wire_message_init(struct wire_message *m);

/*
 * Start a message of `type` in m, forgetting what m held (memory is kept for
 * the next use). request_id as protocol.h says.
 */
void wire_message_begin(struct wire_message *m, enum wire_type type,
                        uint32_t request_id);

/* Close every descriptor still held and free the memory. */
void wire_message_clear(struct wire_message *m);

/*
 * Append a field. Only no memory aborts; what is wrong with the message as a
 * whole is told by wire_send() / wire_check() (e.g. a field twice, too long).
 * 0, -EMSGSIZE (field or message over its limit; the message is unchanged),
 * -EINVAL (a number put into a text field or the like, a NUL in a TEXT, a LIST
 * that does not end in NUL, a field that is there already).
 */
int wire_put_u32(struct wire_message *m, enum wire_field f, uint32_t value);
int wire_put_u64(struct wire_message *m, enum wire_field f, uint64_t value);
int wire_put_bytes(struct wire_message *m, enum wire_field f, const void *bytes,
                   size_t len);
int wire_put_text(struct wire_message *m, enum wire_field f, const char *text);

/*
 * Attach a descriptor: *fd is taken over and -1 afterwards, success or not.
 * 0, -EMSGSIZE (already WIRE_MAX_FDS; it has been closed).
 */
int wire_put_fd(struct wire_message *m, int *fd);

enum wire_type wire_type(const struct wire_message *m);
uint32_t wire_request_id(const struct wire_message *m);
const char *wire_type_name(enum wire_type type); /* "GET"; "?" if unknown */
const char *wire_status_name(enum wire_status s); /* "spawn failed" ... */

/* Is the field there? */
int wire_has(const struct wire_message *m, enum wire_field f);

/* A number, or `otherwise` where the field is absent. */
uint32_t wire_get_u32(const struct wire_message *m, enum wire_field f,
                      uint32_t otherwise);
uint64_t wire_get_u64(const struct wire_message *m, enum wire_field f,
                      uint64_t otherwise);

/*
 * The bytes of a field and their number in *len_r (may be NULL); borrowed from
 * m. NULL where it is absent. TEXT is followed by a NUL that *len_r does not
 * count, so it is a C string.
 */
const char *wire_get_text(const struct wire_message *m, enum wire_field f,
                          size_t *len_r);

/*
 * The text of a LIST that follows `before` (NULL: the first); NULL: there is no
 * more, or no such field. Borrowed from m.
 */
const char *wire_list_next(const struct wire_message *m, enum wire_field f,
                           const char *before);

/* Take the i-th descriptor over; -1 if there is none (left). */
int wire_take_fd(struct wire_message *m, unsigned i);

/*
 * Check data..len of m against the tables and fill m->offset. `senders` is a
 * set of FROM_*: who may have sent it on this socket.
 * 0, -EPROTO; *why_r (may be NULL) then is a static sentence for the log.
 */
int wire_check(struct wire_message *m, unsigned senders, const char **why_r);

/*
 * Copy a message's bytes (not its descriptors) for keeping or for a file;
 * wire_load() is the way back: takes one message from `data`, checks it, and
 * says how many bytes it took. Used for definitions in a memfd.
 * wire_load: > 0 bytes taken, 0 at len 0, -EPROTO.
 */
void wire_copy(struct wire_message *to, const struct wire_message *from);
ssize_t wire_load(struct wire_message *m, const void *data, size_t len,
                  unsigned senders, const char **why_r);

#endif
