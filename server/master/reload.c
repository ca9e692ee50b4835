/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.c - see reload.h.
 */
#include "reload.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "socket.h"
#include "stop.h"

/* Between the end of reading and post_config of the last module. */
#define PATIENCE (10 * APR_USEC_PER_SEC)

static void on_patience(void *baton)
{
    struct master *m = baton;

    m->reload_timer = NULL;
    stop_begin(m, "httpd does not load mod_apppool any more");
}

static void on_read(void *baton, int fd, unsigned events)
{
    struct master *m = baton;

    (void)fd;
    (void)events;
    loop_unwatch(&m->reload_watch);
    fd_close(&m->reload_fd);
    m->reload_timer = loop_timer_add(m->loop, PATIENCE, on_patience, m);
}

int reload_begin(struct master *m, int (*answer)(void *baton, int channel),
                 void *baton)
{
    int ends[2];
    int rc;

    reload_end(m);
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -errno;
    }
    m->reload_fd = ends[0];
    m->reload_watch = loop_watch(m->loop, ends[0], LOOP_READ, on_read, m);
    rc = m->reload_watch == NULL ? -errno : answer(baton, ends[1]);
    fd_close(&ends[1]);
    if (rc < 0) {
        reload_end(m);
    }
    return rc;
}

void reload_end(struct master *m)
{
    loop_unwatch(&m->reload_watch);
    fd_close(&m->reload_fd);
    loop_timer_cancel(&m->reload_timer);
}
