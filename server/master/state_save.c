/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_save.c - the writing half of state.h.
 */
#include "state.h"

#include <apr_strings.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clients.h"
#include "config.h"
#include "connect.h"
#include "gate.h"
#include "listener.h"
#include "processes.h"
#include "report.h"
#include "socket.h"

/* Numbers that are told so far, to be made descriptors of the next image. */
struct saver {
    const struct master *m;
    int *fds;          /* owned */
    size_t n_fds;
    json_t *listeners; /* by their place in the list */
    apr_hash_t *places; /* struct listener * -> 1 + place */
    apr_pool_t *pool;
};

static json_t *integer(int64_t value)
{
    json_t *number = json_integer(value);

    if (number == NULL) {
        abort();
    }
    return number;
}

/* jansson takes the value over; it fails for want of memory only. */
static void put(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value) < 0) {
        abort();
    }
}

static void put_number(json_t *object, const char *name, int64_t value)
{
    put(object, name, integer(value));
}

static void append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0) {
        abort();
    }
}

static json_t *descriptor(struct saver *s, int fd)
{
    if (fd >= 0) {
        s->fds = realloc(s->fds, (s->n_fds + 1) * sizeof(*s->fds));
        if (s->fds == NULL) {
            abort();
        }
        s->fds[s->n_fds++] = fd;
    }
    return integer(fd);
}

/* As hexadecimal digits: JSON's strings are text. */
static json_t *bytes_of(const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    char *text = malloc(len * 2 + 1);
    json_t *string;

    if (text == NULL) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    string = json_stringn(text, len * 2);
    free(text);
    if (string == NULL) {
        abort();
    }
    return string;
}

static json_t *message(const struct wire_message *m)
{
    return bytes_of(m->data, m->len);
}

/* Parts ---------------------------------------------------------------------*/

static json_t *save_generation(struct saver *s, const struct generation *g)
{
    json_t *o = json_object();

    put_number(o, "number", g->number);
    put(o, "configure", message(&g->configure));
    put(o, "description", descriptor(s, g->description));
    put(o, "log", descriptor(s, g->log_fd));
    return o;
}

static json_t *save_definitions(struct saver *s)
{
    json_t *all = json_array();

    for (apr_hash_index_t *i = apr_hash_first(NULL, s->m->definitions);
         i != NULL; i = apr_hash_next(i)) {
        const struct definition *d = apr_hash_this_val(i);
        json_t *o = json_object();

        put_number(o, "number", d->number);
        put_number(o, "generation", d->generation);
        put(o, "message", message(&d->message));
        put(o, "log", descriptor(s, d->log_fd));
        put_number(o, "origin", d->origin);
        put_number(o, "watched", d->is_watched);
        if (d->key != NULL) {
            put(o, "key", json_string(d->key));
        }
        append(all, o);
    }
    return all;
}

static json_t *save_channels(struct saver *s, const struct client *client)
{
    const struct client_channel *channel;
    json_t *all = json_array();

    LIST_FOREACH(channel, &client->channels, next) {
        json_t *pair = json_array();

        append(pair, integer(channel->number));
        append(pair, descriptor(s, channel->fd));
        append(all, pair);
    }
    return all;
}

static json_t *save_clients(struct saver *s)
{
    json_t *all = json_array();

    for (apr_hash_index_t *i = apr_hash_first(NULL, s->m->clients); i != NULL;
         i = apr_hash_next(i)) {
        const struct client *client = apr_hash_this_val(i);
        json_t *o = json_object();

        put_number(o, "number", client->number);
        put_number(o, "pid", client->pid);
        put_number(o, "uid", client->uid);
        put_number(o, "admin", client->admin);
        put_number(o, "greeted", client->greeted);
        put_number(o, "generation", client->generation);
        put_number(o, "leases", client->leases);
        put(o, "board", descriptor(s, client->board));
        put(o, "channels", save_channels(s, client));
        append(all, o);
    }
    return all;
}

/* A preloader shares its listeners with what it forked. */
static int64_t place_of(struct saver *s, const struct listener *l)
{
    uintptr_t place = (uintptr_t)apr_hash_get(s->places, &l, sizeof(l));

    if (place == 0) {
        json_t *o = json_object();

        put(o, "fd", descriptor(s, l->fd));
        put(o, "path", descriptor(s, l->path));
        put_number(o, "port", l->port);
        append(s->listeners, o);
        place = json_array_size(s->listeners);
        apr_hash_set(s->places, apr_pmemdup(s->pool, &l, sizeof(l)),
                     sizeof(l), (void *)place);
    }
    return (int64_t)place - 1;
}

static json_t *save_listeners(struct saver *s, const struct process *p)
{
    json_t *all = json_array();
    unsigned n = p->n_shared > 0 ? p->n_shared : 1;

    for (unsigned i = 0; p->listeners != NULL && i < n; i++) {
        append(all, integer(place_of(s, p->listeners[i])));
    }
    return all;
}

static json_t *save_process(struct saver *s, const struct process *p)
{
    json_t *o = json_object();

    put_number(o, "number", p->number);
    put_number(o, "app", p->app);
    put_number(o, "preloader", p->preloader);
    put_number(o, "listener", p->listener);
    put_number(o, "sticky", (int64_t)p->sticky);
    put_number(o, "shared", p->n_shared);
    put(o, "listeners", save_listeners(s, p));
    put_number(o, "pid", p->pid);
    put_number(o, "session", p->session);
    put_number(o, "uid", p->uid);
    put(o, "pidfd", descriptor(s, p->pidfd));
    put(o, "output", descriptor(s, p->output));
    put_number(o, "ready", p->ready);
    put(o, "report", bytes_of(p->first_report, p->first_report_len));
    put_number(o, "cancelled", p->fork == FORK_CANCELLED);
    return o;
}

/* Every process is in the list of a report; a cancelled fork only there. */
static json_t *save_reports(struct saver *s)
{
    const struct report *report = NULL;
    json_t *all = json_array();

    while ((report = report_next(s->m, report)) != NULL) {
        struct report_facts facts = report_facts(report);
        json_t *processes = json_array();
        json_t *o = json_object();
        const struct process *p = NULL;

        while ((p = report_next_process(report, p)) != NULL) {
            append(processes, save_process(s, p));
        }
        put(o, "fd", descriptor(s, facts.fd));
        put_number(o, "forks", facts.forks);
        put_number(o, "device", (int64_t)facts.output_device);
        put_number(o, "inode", (int64_t)facts.output_inode);
        put(o, "processes", processes);
        append(all, o);
    }
    return all;
}

struct connections_baton {
    struct saver *s;
    json_t *all;
};

static void save_connection(void *baton, const struct connection_facts *facts)
{
    struct connections_baton *b = baton;
    json_t *o = json_object();

    put_number(o, "client", facts->client);
    put_number(o, "slot", facts->slot);
    put_number(o, "process", facts->process);
    put(o, "fd", descriptor(b->s, facts->fd));
    append(b->all, o);
}

static json_t *save_connections(struct saver *s)
{
    struct connections_baton baton = { .s = s, .all = json_array() };

    connect_each(s->m, save_connection, &baton);
    return baton.all;
}

/* The whole -----------------------------------------------------------------*/

static void save_numbers(json_t *o, const struct master *m)
{
    put_number(o, "format", STATE_FORMAT);
    put_number(o, "wire", APPPOOL_WIRE_VERSION);
    put_number(o, "engine_uid", m->engine_uid);
    put_number(o, "engine_gid", m->engine_gid);
    put_number(o, "nofile", (int64_t)m->nofile);
    put_number(o, "oom_score_adj", m->oom_score_adj);
    put_number(o, "last_client", m->last_client);
    put_number(o, "last_process", m->last_process);
    put_number(o, "next_adopted", m->next_adopted);
    put_number(o, "programs", (int64_t)m->programs);
    put_number(o, "draining", m->draining);
}

static json_t *save_all(struct saver *s)
{
    json_t *o = json_object();

    save_numbers(o, s->m);
    put(o, "tool", descriptor(s, gate_fd(s->m, GATE_TOOL)));
    put(o, "previous", save_generation(s, &s->m->previous));
    put(o, "current", save_generation(s, &s->m->current));
    put(o, "limits", message(&s->m->limits));
    put(o, "definitions", save_definitions(s));
    put(o, "clients", save_clients(s));
    put(o, "reports", save_reports(s));
    put(o, "listeners", s->listeners);
    put(o, "connections", save_connections(s));
    return o;
}

static int write_text(json_t *all, int *fd_r)
{
    int fd = memfd_create("apppool-state", MFD_CLOEXEC);
    char *text = json_dumps(all, JSON_COMPACT);
    int rc = fd < 0 ? -errno : text == NULL ? -ENOMEM : 0;

    if (rc == 0) {
        rc = fd_write_all(fd, text, strlen(text));
    }
    free(text);
    if (rc == 0 && lseek(fd, 0, SEEK_SET) < 0) {
        rc = -errno;
    }
    if (rc < 0) {
        fd_close(&fd);
    }
    *fd_r = fd;
    return rc;
}

int state_save(const struct master *m, int *fd_r, int **fds_r, size_t *n_r)
{
    struct saver s = { .m = m, .listeners = json_array() };
    json_t *all;
    int rc;

    apr_pool_create(&s.pool, NULL);
    s.places = apr_hash_make(s.pool);
    all = save_all(&s);
    rc = write_text(all, fd_r);
    json_decref(all);
    apr_pool_destroy(s.pool);
    if (rc < 0) {
        free(s.fds);
        return rc;
    }
    *fds_r = s.fds;
    *n_r = s.n_fds;
    return 0;
}
