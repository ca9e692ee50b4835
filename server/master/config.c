/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - see config.h.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "control.h"
#include "engine_link.h"
#include "gate.h"
#include "ledger.h"
#include "leftovers.h"
#include "processes.h"
#include "programs.h"
#include "reload.h"
#include "socket.h"

struct config_channel {
    int fd; /* owned */
    struct loop_watch *watch;
};

struct definition *config_find(struct master *m, uint32_t number)
{
    return apr_hash_get(m->definitions, &number, sizeof(number));
}

/* A pipe or file opened anew is an open file of our own, whose flags nobody
 * else sees. Sockets, and what we may not open, stay as they are. */
void config_keep_log(int *to, int *fd)
{
    char path[32];
    int own = -1;

    if (*fd >= 0) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
        own = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC |
                             O_NOCTTY);
    }
    if (own >= 0) {
        fd_close(fd);
        *fd = own;
    }
    fd_close(to);
    *to = *fd;
    *fd = -1;
}

/* Telling the engine --------------------------------------------------------*/

static void tell(struct master *m, const struct wire_message *kept, int log_fd)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_copy(&msg, kept);
    if (log_fd >= 0) {
        engine_link_put_copy(&msg, log_fd);
    }
    engine_link_send(m, &msg);
}

static void tell_commit(struct master *m, uint32_t generation,
                        bool start_anew)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_COMMIT, 0);
    wire_put_u32(&msg, FIELD_GENERATION, generation);
    if (start_anew) {
        wire_put_u32(&msg, FIELD_STATUS, 1);
    }
    engine_link_send(m, &msg);
}

void config_tell_definition(struct master *m, const struct definition *d)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_copy(&msg, &d->message);
    if (d->number < FIRST_ADOPTED && !wire_has(&msg, FIELD_GENERATION)) {
        wire_put_u32(&msg, FIELD_GENERATION, d->generation);
    }
    if (d->log_fd >= 0) {
        engine_link_put_copy(&msg, d->log_fd);
    }
    engine_link_send(m, &msg);
}

static void tell_description(struct master *m, const struct generation *g)
{
    struct wire_message msg;

    if (g->description < 0) {
        return;
    }
    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_DESCRIBE, 0);
    engine_link_put_copy(&msg, g->description);
    if (msg.n_fds > 0) {
        engine_link_send(m, &msg);
    }
    wire_message_clear(&msg);
}

static void tell_generation(struct master *m, const struct generation *g)
{
    apr_hash_index_t *i;

    if (g->number == 0) {
        return;
    }
    tell(m, &g->configure, g->log_fd);
    tell_description(m, g);
    for (i = apr_hash_first(NULL, m->definitions); i != NULL;
         i = apr_hash_next(i)) {
        const struct definition *d = apr_hash_this_val(i);

        if (d->generation == g->number) {
            config_tell_definition(m, d);
        }
    }
}

/* Definitions that only running processes still use belong to no generation
 * any more; they are told first. */
static void tell_leftovers(struct master *m)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->definitions); i != NULL;
         i = apr_hash_next(i)) {
        const struct definition *d = apr_hash_this_val(i);

        if (d->number < FIRST_ADOPTED &&
            d->generation != m->previous.number &&
            d->generation != m->current.number &&
            d->generation != m->coming.number) {
            config_tell_definition(m, d);
        }
    }
}

static void tell_adopted(struct master *m)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->definitions); i != NULL;
         i = apr_hash_next(i)) {
        const struct definition *d = apr_hash_this_val(i);

        if (d->number >= FIRST_ADOPTED) {
            config_tell_definition(m, d);
        }
    }
}

void config_tell(struct master *m)
{
    tell_leftovers(m);
    if (m->previous.number != 0) {
        tell_generation(m, &m->previous);
        tell_commit(m, m->previous.number, false);
    }
    if (m->current.number != 0) {
        tell_generation(m, &m->current);
        tell_commit(m, m->current.number, false);
    }
    tell_adopted(m);
    if (m->limits.len > 0) {
        tell(m, &m->limits, -1);
    }
    tell_generation(m, &m->coming);
}

/* Without a configuration ---------------------------------------------------*/

static void make_default(struct master *m)
{
    const char *environment = m->options.environment;
    struct wire_message *msg = &m->defaults;

    wire_message_begin(msg, MSG_CONFIGURE, 0);
    wire_put_u32(msg, FIELD_GENERATION, 0);
    wire_put_u32(msg, FIELD_MAX, 0);
    wire_put_u32(msg, FIELD_MAX_IDLE_S, 0);
    wire_put_text(msg, FIELD_ENVIRONMENT,
                  environment != NULL ? environment : "production");
}

const struct wire_message *config_rules(struct master *m)
{
    if (m->current.number != 0) {
        return &m->current.configure;
    }
    make_default(m);
    return &m->defaults;
}

/* What the parent says ------------------------------------------------------*/

static void generation_clear(struct generation *g)
{
    wire_message_clear(&g->configure);
    fd_close(&g->log_fd);
    fd_close(&g->description);
    g->number = 0;
}

static void generation_move(struct generation *to, struct generation *from)
{
    generation_clear(to);
    *to = *from;
    wire_message_init(&from->configure);
    from->log_fd = from->description = -1;
    from->number = 0;
}

static void refuse(struct master *m, const char *why)
{
    log_error("configuration %u is refused: %s", m->coming.number, why);
    free(m->refusal);
    m->refusal = strdup(why);
    if (m->refusal == NULL) {
        abort();
    }
}

/* What must hold whatever the parent's own checks said. */
static void check_configure(struct master *m, const struct wire_message *msg)
{
    if (m->uid == 0 && m->engine_uid != 0 &&
        wire_get_u32(msg, FIELD_CHILD_UID, UINT32_MAX) == m->engine_uid) {
        refuse(m, "httpd's User is also the pool server's; name another with "
                  "PoolServerUser");
    }
    if (wire_get_u32(msg, FIELD_GENERATION, 0) == 0) {
        refuse(m, "generations are counted from 1 on");
    }
}

static void on_configure(struct master *m, struct wire_message *msg)
{
    int fd = wire_take_fd(msg, 0);

    msg->n_fds = 0;
    reload_end(m);
    free(m->refusal);
    m->refusal = NULL;
    wire_message_clear(&m->limits);
    m->coming.number = wire_get_u32(msg, FIELD_GENERATION, 0);
    wire_copy(&m->coming.configure, msg);
    config_keep_log(&m->coming.log_fd, &fd);
    check_configure(m, msg);
    log_set_level(log_level_of_httpd(wire_get_u32(msg, FIELD_LOG_LEVEL, 0)));
    log_to(m->coming.log_fd >= 0 ? m->coming.log_fd : m->current.log_fd);
    if (m->refusal == NULL) {
        tell(m, &m->coming.configure, m->coming.log_fd);
    }
}

static void on_describe(struct master *m, struct wire_message *msg)
{
    int fd = wire_take_fd(msg, 0);

    msg->n_fds = 0;
    fd_close(&m->coming.description);
    m->coming.description = fd;
    if (m->refusal == NULL) {
        tell_description(m, &m->coming);
    }
}

struct definition *config_define(struct master *m, uint32_t number)
{
    struct definition *d = calloc(1, sizeof(*d));

    if (d == NULL) {
        abort();
    }
    d->number = number;
    d->log_fd = -1;
    wire_message_init(&d->message);
    apr_hash_set(m->definitions, &d->number, sizeof(d->number), d);
    return d;
}

static void on_define(struct master *m, struct wire_message *msg)
{
    uint32_t number = wire_get_u32(msg, FIELD_APP, 0);
    int fd = wire_take_fd(msg, 0);
    struct definition *d = config_find(m, number);

    msg->n_fds = 0;
    if (m->coming.number == 0 || number == 0 || number >= FIRST_ADOPTED) {
        refuse(m, "a definition outside of a configuration, or misnumbered");
    }
    if (m->refusal != NULL) {
        fd_close(&fd);
        return;
    }
    if (d == NULL) {
        d = config_define(m, number);
    }
    d->generation = m->coming.number;
    wire_copy(&d->message, msg);
    config_keep_log(&d->log_fd, &fd);
    config_tell_definition(m, d);
}

static void definition_free(struct master *m, struct definition *d)
{
    if (d->key != NULL) {
        adopt_forget(m, d);
    }
    apr_hash_set(m->definitions, &d->number, sizeof(d->number), NULL);
    wire_message_clear(&d->message);
    fd_close(&d->log_fd);
    free(d->key);
    free(d);
}

static bool is_template_named(struct master *m, const struct definition *d)
{
    const struct definition *origin = config_find(m, d->origin);

    if (d->origin == 0) {
        return m->current.number == 0;
    }
    return origin != NULL && (origin->generation == m->previous.number ||
                              origin->generation == m->current.number);
}

/* Of the others the engine knows when nobody uses them any more: FORGET. */
static void sweep_adopted(struct master *m)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->definitions); i != NULL;
         i = apr_hash_next(i)) {
        struct definition *d = apr_hash_this_val(i);

        if (d->number >= FIRST_ADOPTED && !is_template_named(m, d) &&
            !process_uses(m, d->number)) {
            definition_free(m, d); /* apr_hash allows it for the current one */
        }
    }
}

static bool is_named(const struct master *m, const struct definition *d)
{
    return d->number < FIRST_ADOPTED && (d->generation == m->current.number ||
                                         d->generation == m->coming.number);
}

void config_on_forget(struct master *m, struct wire_message *msg)
{
    struct definition *d = config_find(m, wire_get_u32(msg, FIELD_APP, 0));

    if (d != NULL && !is_named(m, d) && !process_uses(m, d->number)) {
        definition_free(m, d);
    }
}

/* Applications that an older version started go on, until this one has. */
static bool programs_have_changed(struct master *m)
{
    uint64_t before = m->programs;

    m->programs = programs_signature(m->options.spawn_server);
    if (before == 0 || before == m->programs) {
        return false;
    }
    log_notice("what applications are started with has changed: all of them "
               "are restarted");
    return true;
}

void config_apply(struct master *m)
{
    const struct wire_message *configure = &m->current.configure;

    if (m->current.number != 0) {
        log_set_level(log_level_of_httpd(wire_get_u32(configure,
                                                      FIELD_LOG_LEVEL, 0)));
        control_listen(m, wire_get_text(configure, FIELD_CONTROL_SOCKET,
                                        NULL));
    }
}

static void on_commit(struct master *m, struct wire_message *msg)
{
    if (m->refusal == NULL &&
        wire_get_u32(msg, FIELD_GENERATION, 0) != m->coming.number) {
        refuse(m, "COMMIT of another generation than was sent");
    }
    if (m->refusal != NULL) {
        return;
    }
    generation_move(&m->previous, &m->current);
    generation_move(&m->current, &m->coming);
    config_apply(m);
    log_to(m->current.log_fd);
    tell_commit(m, m->current.number, programs_have_changed(m));
    sweep_adopted(m);
}

/* What an administrator has set since: the next engine has to know. */
void config_on_limits(struct master *m, struct wire_message *msg)
{
    wire_copy(&m->limits, msg);
}

/* The channel ---------------------------------------------------------------*/

/* Without it the next master does not know what this one has left behind. */
static void put_ledger(struct master *m, struct wire_message *msg)
{
    int fd = fd_duplicate(ledger_fd(m->ledger));

    if (fd >= 0) {
        wire_put_fd(msg, &fd);
    }
}

static void reply(struct master *m, int fd, uint32_t request_id)
{
    struct wire_message msg;
    int rc;

    wire_message_init(&msg);
    if (m->refusal == NULL) {
        wire_message_begin(&msg, MSG_DONE, request_id);
        put_ledger(m, &msg);
    } else {
        wire_message_begin(&msg, MSG_REFUSED, request_id);
        wire_put_u32(&msg, FIELD_STATUS, STATUS_FAILED);
        wire_put_text(&msg, FIELD_MESSAGE, m->refusal);
    }
    rc = wire_send(fd, &msg);
    if (rc < 0) {
        log_error("the answer to a COMMIT: %s", strerror(-rc));
    }
    wire_message_clear(&msg);
}

static void dispatch(struct master *m, int fd, struct wire_message *msg)
{
    uint32_t request_id = wire_request_id(msg);

    switch (wire_type(msg)) {
    case MSG_CONFIGURE:
        on_configure(m, msg);
        break;
    case MSG_DESCRIBE:
        on_describe(m, msg);
        break;
    case MSG_DEFINE:
        on_define(m, msg);
        break;
    case MSG_LEFT_BEHIND:
        leftovers_on_ledger(m, msg);
        break;
    case MSG_COMMIT:
        on_commit(m, msg);
        reply(m, fd, request_id);
        break;
    default: /* the tables let nothing else through */
        break;
    }
}

static void on_ready(void *baton, int fd, unsigned events)
{
    struct master *m = baton;
    struct wire_message msg;
    const char *why = NULL;
    int rc = 1;

    (void)events;
    wire_message_init(&msg);
    while (rc == 1) {
        rc = wire_receive(fd, &msg, FROM_PARENT, &why);
        if (rc == 1 && !gate_is_parent(m, &msg.sender)) {
            gate_log_denial(m, &msg.sender, "a configuration");
        } else if (rc == 1) {
            dispatch(m, fd, &msg);
        } else if (rc == -EPROTO) {
            log_error("a bad message on the config channel: %s", why);
        }
    }
    wire_message_clear(&msg);
    if (rc != -EAGAIN) {
        config_close(m);
    }
}

int config_open(struct master *m, int (*answer)(void *baton, int channel),
                void *baton)
{
    struct config_channel *config = calloc(1, sizeof(*config));
    int ends[2];
    int rc;

    if (config == NULL) {
        abort();
    }
    rc = wire_pair(ends);
    if (rc == 0) {
        rc = answer(baton, ends[1]);
        fd_close(&ends[1]);
    }
    config_close(m);
    m->config = config;
    config->fd = ends[0];
    if (rc == 0) {
        config->watch = loop_watch(m->loop, ends[0], LOOP_READ, on_ready, m);
        rc = config->watch != NULL ? 0 : -errno;
    }
    if (rc < 0) {
        config_close(m);
    }
    return rc;
}

void config_close(struct master *m)
{
    if (m->config != NULL) {
        loop_unwatch(&m->config->watch);
        fd_close(&m->config->fd);
        free(m->config);
        m->config = NULL;
    }
}

void config_clear(struct master *m)
{
    apr_hash_index_t *i;

    config_close(m);
    control_listen(m, NULL);
    log_to(-1);
    for (i = apr_hash_first(NULL, m->definitions); i != NULL;
         i = apr_hash_next(i)) {
        definition_free(m, apr_hash_this_val(i));
    }
    generation_clear(&m->previous);
    generation_clear(&m->current);
    generation_clear(&m->coming);
    wire_message_clear(&m->defaults);
    wire_message_clear(&m->limits);
    free(m->refusal);
    m->refusal = NULL;
}
