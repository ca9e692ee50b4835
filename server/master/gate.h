/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.h - the sockets at which clients ask to be let in, and who may.
 *
 * One byte comes, one descriptor goes back. Whom the kernel does not name as
 * somebody allowed gets no answer: a fork of the httpd parent (mod_cgid's,
 * mod_wsgi's daemons) holds the same sockets as the parent itself.
 */
#ifndef APPPOOL_MASTER_GATE_H
#define APPPOOL_MASTER_GATE_H

#include "master.h"

enum gate_kind {
    GATE_CLIENTS, /* the rendezvous: httpd's User, the starter's */
    GATE_ADMIN,   /* the admin pair: the parent alone */
    GATE_TOOL     /* the master's own pair: uid 0 or ours */
};

/* Open a gate at fd (taken over, closed with the gate). 0 or -errno. */
int gate_open(struct master *m, enum gate_kind kind, int fd);

/* A config channel for the parent, who asked for one at the admin pair. */
void gate_answer_config(struct master *m);

/* Its descriptor; -1: there is no such gate. */
int gate_fd(const struct master *m, enum gate_kind kind);

/* Read nothing for now, or go on. */
void gate_pause_all(struct master *m, bool paused);
void gate_close_all(struct master *m);

/* Is this the parent that started us, with a user who may command? */
bool gate_is_parent(const struct master *m, const struct wire_sender *who);

/* May this one, by the kernel's word, give orders: uid 0 or ours? */
bool gate_may_command(const struct master *m, const struct wire_sender *who);

/* One line in ten seconds about somebody who was refused. */
void gate_log_denial(struct master *m, const struct wire_sender *who,
                     const char *what);

#endif
