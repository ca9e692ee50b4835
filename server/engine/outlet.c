/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlet.c - see outlet.h.
 */
#include "outlet.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The log that takes its lines in httpd's form. */
static int log_of(const struct definition *definition)
{
    if (definition->log_fd >= 0) {
        return definition->log_fd;
    }
    return definition->engine->log_fd >= 0 ? definition->engine->log_fd
                                           : STDERR_FILENO;
}

static int write_as_it_is(int fd, const char *line, size_t len)
{
    char text[OUTPUT_LINE_MAX + 1];

    memcpy(text, line, len);
    text[len] = '\n';
    return log_write_line(fd, text, len + 1);
}

/* What an application prints is written whatever the LogLevel. */
static int write_in_form(const struct outlet *outlet, const char *line,
                         size_t len)
{
    return log_line_to(log_of(outlet->definition), LOG_LEVEL_NOTICE,
                       "app %s (%spid %ld%s) says: %.*s",
                       outlet->definition->root,
                       outlet->n_processes > 1 ? "preloader, " : "",
                       (long)outlet->pid,
                       outlet->n_processes > 1 ? ", or a fork" : "",
                       (int)len, line);
}

static enum output_fate on_line(void *baton, const char *line, size_t len)
{
    const struct outlet *outlet = baton;
    const struct definition *definition = outlet->definition;
    bool is_own = definition->log_fd >= 0 &&
                  (definition->flags & DEFINE_OWN_LOG) != 0;
    int rc = is_own ? write_as_it_is(definition->log_fd, line, len)
                    : write_in_form(outlet, line, len);

    return rc > 0 ? OUTPUT_TAKEN : rc == 0 ? OUTPUT_LATER : OUTPUT_LOST;
}

static void on_lost(void *baton, unsigned n)
{
    const struct outlet *outlet = baton;

    log_warn("app %s: its log took nothing, being full or the program behind it"
             " not reading; %u lines of output were dropped",
             outlet->definition->root, n);
}

void outlet_open(struct running *running, int *fd)
{
    struct outlet *outlet;

    if (*fd < 0) {
        return;
    }
    outlet = calloc(1, sizeof *outlet);
    if (outlet == NULL) {
        abort();
    }
    outlet->definition = running->definition;
    outlet->family = running->forked_by != 0 ? running->forked_by
                                             : running->number;
    outlet->pid = running->pid;
    outlet->n_processes = 1;
    outlet->output = output_open(running->engine->loop, *fd, on_line, on_lost,
                                 outlet);
    *fd = -1;
    running->outlet = outlet;
    apr_hash_set(running->engine->outlets, &outlet->family,
                 sizeof outlet->family, outlet);
}

void outlet_join(struct running *running)
{
    struct outlet *outlet =
        running->forked_by == 0 || running->outlet != NULL ? NULL
        : apr_hash_get(running->engine->outlets, &running->forked_by,
                       sizeof running->forked_by);

    if (outlet != NULL) {
        running->outlet = outlet;
        outlet->n_processes++;
    }
}

void outlet_leave(struct running *running)
{
    struct outlet *outlet = running->outlet;

    running->outlet = NULL;
    if (outlet == NULL || --outlet->n_processes > 0) {
        return;
    }
    apr_hash_set(running->engine->outlets, &outlet->family,
                 sizeof outlet->family, NULL);
    output_close(&outlet->output);
    free(outlet);
}

void outlet_drain(struct outlet *outlet)
{
    if (outlet != NULL) {
        output_drain(outlet->output);
    }
}

const char *outlet_tail(const struct running *running)
{
    return running->outlet != NULL ? output_tail(running->outlet->output) : "";
}
