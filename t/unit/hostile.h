/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile.h - a process that speaks the wire as it likes.
 *
 * For a fork of the test: what must hold and does not ends it with status 1.
 */
#ifndef APPPOOL_TEST_HOSTILE_H
#define APPPOOL_TEST_HOSTILE_H

#include "board.h"
#include "message.h"

#include <stdbool.h>
#include <sys/types.h>

#define HOSTILE_PATIENCE_MS 10000
#define HOSTILE_CHANNELS 256 /* a client may have */
#define HOSTILE_CLIENTS  64  /* a process may have */

/* The applications that the test has defined. */
enum { HOSTILE_GOOD = 1, HOSTILE_BAIT, HOSTILE_TEMPLATE };

extern int hostile_rendezvous;
extern const char *hostile_folder; /* with admitted/ and outside/ */
extern pid_t hostile_victims[3];   /* master, engine, another's application */

#define MUST(condition) hostile_must(condition, #condition, __LINE__)
void hostile_must(bool ok, const char *what, int line);

/* A channel, not yet greeted; -1: the server gives no more. */
int hostile_ask(int patience_ms);

/* A client, with its board unless board_r is NULL; its first channel. */
int hostile_greet(struct slot_line **board_r);

/* As many channels as there are to be had; their number. */
unsigned hostile_open_channels(int *fds);

/* An answer; false: the server has hung up. */
bool hostile_hear(int fd, struct wire_message *m);

/* A message without fields, or with one number. */
void hostile_say(int fd, enum wire_type type, uint32_t id);
void hostile_say_number(int fd, enum wire_type type, enum wire_field field,
                        uint32_t number);

/* Any bytes, with n (up to 253) copies of a descriptor. */
void hostile_send(int fd, const void *bytes, size_t len, int passed,
                  unsigned n);

/* Wait until all has been read, or the server has hung up: true. */
bool hostile_is_hung_up(int fd);

/* Its attacks; the last is empty. */
struct hostile_attack {
    void (*attack)(void);
    const char *logged; /* NULL: nothing need be */
};
extern const struct hostile_attack hostile_attacks[];
void hostile_roots_outside(void);
void hostile_lines_for_the_log(void);

#endif
