/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_load.c - the reading half of state.h.
 *
 * What it reads was written by a master, but perhaps by one of another version:
 * everything that a table relies on is checked, and the first fault ends it.
 */
#include "state.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "clients.h"
#include "config.h"
#include "connect.h"
#include "listener.h"
#include "processes.h"
#include "report.h"
#include "socket.h"

struct loader {
    struct master *m;
    const char *why;  /* the first fault; NULL: none */
    int *fds;         /* owned */
    size_t n_fds;
    struct listener **listeners; /* by place; each holds one reference */
    size_t n_listeners;
};

static void fault(struct loader *l, const char *why)
{
    if (l->why == NULL) {
        l->why = why;
    }
}

static int64_t number(struct loader *l, const json_t *o, const char *name)
{
    const json_t *value = json_object_get(o, name);

    if (!json_is_integer(value)) {
        fault(l, name);
        return 0;
    }
    return json_integer_value(value);
}

static int take_descriptor(struct loader *l, const json_t *value)
{
    int64_t fd = json_is_integer(value) ? json_integer_value(value) : -2;

    if (fd < -1 || fd > INT32_MAX) {
        fault(l, "a descriptor");
        return -1;
    }
    if (fd >= 0) {
        l->fds = realloc(l->fds, (l->n_fds + 1) * sizeof(*l->fds));
        if (l->fds == NULL) {
            abort();
        }
        l->fds[l->n_fds++] = (int)fd;
    }
    return (int)fd;
}

static int descriptor(struct loader *l, const json_t *o, const char *name)
{
    return take_descriptor(l, json_object_get(o, name));
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                                 : 16;
}

/* Owned by the caller. */
static uint8_t *load_bytes(struct loader *l, const json_t *o, const char *name,
                           size_t *len_r)
{
    const json_t *text = json_object_get(o, name);
    const char *digits = json_string_value(text);
    size_t len = json_string_length(text) / 2;
    uint8_t *bytes = malloc(len + 1);

    if (bytes == NULL) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        int high = digit(digits[2 * i]), low = digit(digits[2 * i + 1]);

        if (high > 15 || low > 15) {
            fault(l, name);
        }
        bytes[i] = (uint8_t)(high << 4 | (low & 15));
    }
    if (digits == NULL) {
        fault(l, name);
    }
    *len_r = len;
    return bytes;
}

/* "" is a message that was never begun. */
static void load_message(struct loader *l, const json_t *o, const char *name,
                         struct wire_message *msg)
{
    size_t len;
    uint8_t *bytes = load_bytes(l, o, name, &len);

    if (wire_load(msg, bytes, len, FROM_PARENT | FROM_MASTER | FROM_ENGINE,
                  NULL) != (ssize_t)len) {
        fault(l, name);
    }
    free(bytes);
}

static json_t *array(struct loader *l, const json_t *o, const char *name)
{
    json_t *value = json_object_get(o, name);

    if (!json_is_array(value)) {
        fault(l, name);
    }
    return value; /* jansson takes anything for an empty one */
}

/* Parts ---------------------------------------------------------------------*/

static void load_generation(struct loader *l, const json_t *all,
                            const char *name, struct generation *g)
{
    const json_t *o = json_object_get(all, name);

    g->number = (uint32_t)number(l, o, "number");
    load_message(l, o, "configure", &g->configure);
    g->description = descriptor(l, o, "description");
    g->log_fd = descriptor(l, o, "log");
}

static void load_definition(struct loader *l, const json_t *o)
{
    uint32_t key = (uint32_t)number(l, o, "number");
    const char *adopted = json_string_value(json_object_get(o, "key"));
    struct definition *d;

    if (config_find(l->m, key) != NULL) {
        fault(l, "a definition twice");
        return;
    }
    d = config_define(l->m, key);
    d->generation = (uint32_t)number(l, o, "generation");
    load_message(l, o, "message", &d->message);
    d->log_fd = descriptor(l, o, "log");
    d->origin = (uint32_t)number(l, o, "origin");
    d->is_watched = number(l, o, "watched") != 0;
    if (adopted != NULL) {
        adopt_restore(l->m, d, adopted);
    }
}

static void load_client(struct loader *l, const json_t *o)
{
    uint32_t key = (uint32_t)number(l, o, "number");
    struct client *client;
    const json_t *pair;
    size_t i;

    if (key == 0 || clients_find(l->m, key) != NULL) {
        fault(l, "a client twice");
        return;
    }
    client = client_restore(l->m, key);
    client->pid = (pid_t)number(l, o, "pid");
    client->uid = (uid_t)number(l, o, "uid");
    client->admin = number(l, o, "admin") != 0;
    client->greeted = number(l, o, "greeted") != 0;
    client->generation = (uint32_t)number(l, o, "generation");
    client->leases = (uint32_t)number(l, o, "leases");
    client->board = descriptor(l, o, "board");
    json_array_foreach(array(l, o, "channels"), i, pair) {
        int fd = take_descriptor(l, json_array_get(pair, 1));

        client_restore_channel(
            client, (uint32_t)json_integer_value(json_array_get(pair, 0)), fd);
    }
    if (!client_is_whole(client)) {
        fault(l, "a client without its first channel");
    }
}

static void load_listeners(struct loader *l, const json_t *all)
{
    const json_t *o;
    size_t i;

    l->listeners = calloc(json_array_size(all) + 1, sizeof(*l->listeners));
    if (l->listeners == NULL) {
        abort();
    }
    json_array_foreach(all, i, o) {
        struct listener *listener = calloc(1, sizeof(*listener));

        if (listener == NULL) {
            abort();
        }
        listener->refs = 1;
        listener->fd = descriptor(l, o, "fd");
        listener->path = descriptor(l, o, "path");
        listener->port = (uint16_t)number(l, o, "port");
        l->listeners[l->n_listeners++] = listener;
    }
}

static void release_listeners(struct loader *l)
{
    for (size_t i = 0; i < l->n_listeners; i++) {
        listener_release(&l->listeners[i]);
    }
    free(l->listeners);
}

static void share_listeners(struct loader *l, const json_t *o,
                            struct process *p)
{
    const json_t *places = array(l, o, "listeners");
    size_t n = json_array_size(places);

    if (n != (p->n_shared > 0 ? p->n_shared : 1)) {
        fault(l, "listeners of a process");
        return;
    }
    p->listeners = calloc(n, sizeof(*p->listeners));
    if (p->listeners == NULL) {
        abort();
    }
    for (size_t i = 0; i < n; i++) {
        json_int_t at = json_integer_value(json_array_get(places, i));

        if (at < 0 || (size_t)at >= l->n_listeners) {
            fault(l, "a listener");
            return;
        }
        p->listeners[i] = listener_share(l->listeners[at]);
    }
}

static void load_first_report(struct loader *l, const json_t *o,
                              struct process *p)
{
    size_t len;
    uint8_t *bytes = load_bytes(l, o, "report", &len);

    process_keep_report(p, (const char *)bytes, len);
    free(bytes);
}

static void load_process(struct loader *l, const json_t *o,
                         struct report *report)
{
    uint32_t key = (uint32_t)number(l, o, "number");
    struct process *p;

    if (key == 0 || process_find(l->m, key) != NULL) {
        fault(l, "a process twice");
        return;
    }
    p = process_new(l->m, key, (uint32_t)number(l, o, "app"));
    p->preloader = (uint32_t)number(l, o, "preloader");
    p->listener = (uint32_t)number(l, o, "listener");
    p->sticky = (uint64_t)number(l, o, "sticky");
    p->n_shared = (unsigned)number(l, o, "shared");
    p->pid = (pid_t)number(l, o, "pid");
    p->session = (pid_t)number(l, o, "session");
    p->uid = (uid_t)number(l, o, "uid");
    p->pidfd = descriptor(l, o, "pidfd");
    p->output = descriptor(l, o, "output");
    p->ready = number(l, o, "ready") != 0;
    load_first_report(l, o, p);
    share_listeners(l, o, p);
    report_restore_process(report, p);
    if (number(l, o, "cancelled") != 0) {
        process_restore_cancelled(p);
    }
}

static void load_report(struct loader *l, const json_t *o)
{
    const struct report_facts facts = {
        .fd = descriptor(l, o, "fd"),
        .forks = number(l, o, "forks") != 0,
        .output_device = (uint64_t)number(l, o, "device"),
        .output_inode = (uint64_t)number(l, o, "inode"),
    };
    struct report *report = report_restore(l->m, &facts);
    const json_t *process;
    size_t i;

    json_array_foreach(array(l, o, "processes"), i, process) {
        load_process(l, process, report);
    }
}

static void load_connection(struct loader *l, const json_t *o)
{
    const struct connection_facts facts = {
        .client = (uint32_t)number(l, o, "client"),
        .slot = (uint32_t)number(l, o, "slot"),
        .process = (uint32_t)number(l, o, "process"),
        .fd = descriptor(l, o, "fd"),
    };

    if (facts.fd < 0 || !connect_restore(l->m, &facts)) {
        fault(l, "a connection");
    }
}

static void load_each(struct loader *l, const json_t *all, const char *name,
                      void (*load)(struct loader *l, const json_t *o))
{
    const json_t *o;
    size_t i;

    json_array_foreach(array(l, all, name), i, o) {
        load(l, o);
    }
}

/* The whole -----------------------------------------------------------------*/

static void load_numbers(struct loader *l, const json_t *o)
{
    struct master *m = l->m;

    if (number(l, o, "format") != STATE_FORMAT) {
        fault(l, "another format of the state");
    }
    if (number(l, o, "wire") != APPPOOL_WIRE_VERSION) {
        fault(l, "another version of the messages");
    }
    m->engine_uid = (uid_t)number(l, o, "engine_uid");
    m->engine_gid = (gid_t)number(l, o, "engine_gid");
    m->nofile = (rlim_t)number(l, o, "nofile");
    m->oom_score_adj = (int)number(l, o, "oom_score_adj");
    m->last_client = (uint32_t)number(l, o, "last_client");
    m->next_adopted = (uint32_t)number(l, o, "next_adopted");
    m->programs = (uint64_t)number(l, o, "programs");
    m->draining = number(l, o, "draining") != 0;
}

static void load_all(struct loader *l, const json_t *o)
{
    load_numbers(l, o);
    if (l->why != NULL) {
        return; /* the rest would only be misread */
    }
    l->m->tool_fd = descriptor(l, o, "tool");
    load_generation(l, o, "previous", &l->m->previous);
    load_generation(l, o, "current", &l->m->current);
    load_message(l, o, "limits", &l->m->limits);
    load_each(l, o, "definitions", load_definition);
    load_each(l, o, "clients", load_client);
    load_listeners(l, array(l, o, "listeners"));
    load_each(l, o, "reports", load_report);
    release_listeners(l);
    load_each(l, o, "connections", load_connection);
    l->m->last_process = (uint32_t)number(l, o, "last_process");
    l->m->engine_before = true;
}

int state_load(struct master *m, int fd, int **fds_r, size_t *n_r,
               const char **why_r)
{
    struct loader l = { .m = m };
    json_error_t error;
    json_t *all = json_loadfd(fd, 0, &error);

    if (all == NULL) {
        *why_r = "the state is no JSON";
        return -EPROTO;
    }
    load_all(&l, all);
    json_decref(all);
    *fds_r = l.fds;
    *n_r = l.n_fds;
    *why_r = l.why;
    return l.why != NULL ? -EPROTO : 0;
}

void state_listen(struct master *m)
{
    report_listen_all(m);
    process_listen_all(m);
}
