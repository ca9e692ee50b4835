/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate.c - see gate.h.
 */
#include "gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "config.h"
#include "reload.h"
#include "socket.h"
#include "stop.h"
#include "upgrade.h"

#define ASKS_A_TURN     16
#define DENIAL_INTERVAL apr_time_from_sec(10)

struct gate {
    struct master *m; /* borrowed */
    enum gate_kind kind;
    int fd;
    struct loop_watch *watch;
};

void gate_log_denial(struct master *m, const struct wire_sender *who,
                     const char *what)
{
    if (loop_now(m->loop) >= m->next_denial) {
        m->next_denial = loop_now(m->loop) + DENIAL_INTERVAL;
        log_warn("%s from pid %ld, uid %ld: refused, not one of those who may",
                 what, (long)who->pid, (long)who->uid);
    }
}

static bool may_command(const struct master *m, uid_t uid)
{
    return uid == 0 || uid == m->uid;
}

bool gate_may_command(const struct master *m, const struct wire_sender *who)
{
    return who->pid != 0 && may_command(m, who->uid);
}

/* The pid cannot have been used again: parent_pidfd says the parent lives, or
 * the end of the server would have begun. */
bool gate_is_parent(const struct master *m, const struct wire_sender *who)
{
    return m->parent > 0 && who->pid == m->parent && may_command(m, who->uid);
}

static bool is_httpd_user(const struct master *m, uid_t uid)
{
    const struct generation *latest =
        m->current.number != 0 ? &m->current : &m->coming;

    return latest->number != 0 && wire_has(&latest->configure,
                                           FIELD_CHILD_UID) &&
           wire_get_u32(&latest->configure, FIELD_CHILD_UID, 0) == uid;
}

static bool gate_admits(const struct gate *gate, const struct wire_sender *who)
{
    switch (gate->kind) {
    case GATE_CLIENTS:
        return who->pid != 0 && (who->uid == gate->m->uid ||
                                 is_httpd_user(gate->m, who->uid));
    case GATE_ADMIN:
        return gate_is_parent(gate->m, who);
    case GATE_TOOL:
        return gate_may_command(gate->m, who);
    }
    return false;
}

static int gate_answer(void *baton, int channel)
{
    const struct gate *gate = baton;

    return rendezvous_answer(gate->fd, channel);
}

int gate_fd(const struct master *m, enum gate_kind kind)
{
    return m->gates[kind] != NULL ? m->gates[kind]->fd : -1;
}

static void log_unanswered(long pid, int rc)
{
    static struct log_quota quota;

    if (rc < 0) {
        log_some(&quota, LOG_LEVEL_ERROR,
                 "pid %ld asked for a channel and got none: %s", pid,
                 strerror(-rc));
    }
}

void gate_answer_config(struct master *m)
{
    if (m->gates[GATE_ADMIN] != NULL) {
        log_unanswered((long)m->parent, config_open(m, gate_answer,
                                                    m->gates[GATE_ADMIN]));
    }
}

static void gate_let_in(struct gate *gate, char byte,
                        const struct wire_sender *who)
{
    struct master *m = gate->m;

    if (byte == RENDEZVOUS_CHANNEL) {
        log_unanswered((long)who->pid, client_new(m, who,
                                                  gate->kind != GATE_CLIENTS,
                                                  gate_answer, gate));
    } else if (gate->kind != GATE_ADMIN) {
        gate_log_denial(m, who, "an ask that is the parent's");
    } else if (byte == RENDEZVOUS_RELOAD) {
        log_unanswered((long)who->pid, reload_begin(m, gate_answer, gate));
    } else if (byte != RENDEZVOUS_CONFIG) {
        gate_log_denial(m, who, "an unknown byte");
    } else if (!upgrade_begin(m)) {
        gate_answer_config(m);
    }
}

static void gate_ended(struct gate *gate)
{
    struct master *m = gate->m;

    loop_unwatch(&gate->watch);
    if (gate->kind == GATE_CLIENTS) {
        stop_begin(m, "nobody is left who could connect");
    }
}

static void on_ready(void *baton, int fd, unsigned events)
{
    struct gate *gate = baton;
    struct wire_sender who;
    char byte;
    int rc = 1;

    (void)events;
    for (int i = 0; i < ASKS_A_TURN && (rc == 1 || rc == -EPROTO); i++) {
        rc = rendezvous_receive(fd, &byte, &who);
        if (rc == -EPROTO) {
            gate_log_denial(gate->m, &who, "something else than one byte");
        } else if (rc == 1 && !gate_admits(gate, &who)) {
            gate_log_denial(gate->m, &who, "an ask for a channel");
        } else if (rc == 1) {
            gate_let_in(gate, byte, &who);
        }
    }
    if (rc == 0) {
        gate_ended(gate);
    }
}

int gate_open(struct master *m, enum gate_kind kind, int fd)
{
    struct gate *gate = calloc(1, sizeof(*gate));
    int rc;

    if (gate == NULL) {
        abort();
    }
    gate->m = m;
    gate->kind = kind;
    gate->fd = fd;
    rc = wire_pass_credentials(fd);
    if (rc == 0) {
        gate->watch = loop_watch(m->loop, fd, LOOP_READ, on_ready, gate);
        rc = gate->watch != NULL ? 0 : -errno;
    }
    if (rc < 0) {
        fd_close(&gate->fd);
        free(gate);
        return rc;
    }
    m->gates[kind] = gate;
    return 0;
}

void gate_pause_all(struct master *m, bool paused)
{
    for (size_t i = 0; i < sizeof(m->gates) / sizeof(*m->gates); i++) {
        if (m->gates[i] != NULL && m->gates[i]->watch != NULL) {
            loop_watch_set(m->gates[i]->watch, paused ? 0 : LOOP_READ);
        }
    }
}

void gate_close_all(struct master *m)
{
    for (size_t i = 0; i < sizeof(m->gates) / sizeof(*m->gates); i++) {
        if (m->gates[i] != NULL) {
            loop_unwatch(&m->gates[i]->watch);
            fd_close(&m->gates[i]->fd);
            free(m->gates[i]);
            m->gates[i] = NULL;
        }
    }
}
