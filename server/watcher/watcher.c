/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher.c - see watcher.h: definitions and questions from the master, a look
 * at all watched files once a second.
 */
#include "watcher.h"

#include <apr_general.h>
#include <apr_hash.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "confine.h"
#include "files.h"
#include "log.h"
#include "loop.h"
#include "memory.h"
#include "message.h"
#include "socket.h"

#define MASTER_FD 3
#define LOOK_US APR_USEC_PER_SEC
#define DEFAULT_RESTART_DIR "tmp"

struct watched {
    uint32_t number;  /* of the definition; key in watcher->apps */
    struct files files;
    uint32_t untold;  /* SEEN_RESTART, SEEN_STARTUP: not taken by the master */
    bool told_always; /* what it has taken last */
    bool is_on;
};

struct watcher {
    struct loop *loop;
    apr_hash_t *apps; /* number -> struct watched, owned */
    pid_t master;
};

typedef void handler(struct watcher *watcher, const struct wire_message *m);

static struct watched *find(struct watcher *watcher, uint32_t number)
{
    return apr_hash_get(watcher->apps, &number, sizeof number);
}

/* What the master says ----------------------------------------------------- */

static struct watched *find_or_add(struct watcher *watcher, uint32_t number)
{
    struct watched *app = find(watcher, number);

    if (app == NULL) {
        app = calloc(1, sizeof *app);
        if (app == NULL) {
            abort();
        }
        app->number = number;
        apr_hash_set(watcher->apps, &app->number, sizeof app->number, app);
    }
    return app;
}

/* A link leads to the application's public folder: the root is above that,
 * wherever it leads when the files are looked at. */
static void init_files(struct files *files, const struct wire_message *m)
{
    bool is_link = wire_get_u32(m, FIELD_FLAGS, 0) & DEFINE_LINK;
    const char *restart_dir = wire_get_text(m, FIELD_RESTART_DIR, NULL);
    char root[WIRE_MAX_ROOT + 4];

    snprintf(root, sizeof root, "%s%s", wire_get_text(m, FIELD_ROOT, NULL),
             is_link ? "/.." : "");
    files_init(files, root,
               restart_dir != NULL ? restart_dir : DEFAULT_RESTART_DIR,
               wire_get_text(m, FIELD_STARTUP_FILE, NULL),
               (enum apppool_type)wire_get_u32(m, FIELD_TYPE, TYPE_AUTO));
}

static void on_define(struct watcher *watcher, const struct wire_message *m)
{
    struct watched *app = find_or_add(watcher, wire_get_u32(m, FIELD_APP, 0));
    struct files files;

    init_files(&files, m);
    if (app->files.restart.path != NULL &&
        files_are_same(&app->files, &files)) {
        files_clear(&files);
        return;
    }
    files_clear(&app->files);
    app->files = files;
    files_remember(&app->files);
}

/* Where the master takes nothing a later look tells. */
static void tell(struct watched *app)
{
    uint32_t always = app->files.is_always ? SEEN_ALWAYS : 0;
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_SEEN, 0);
    wire_put_u32(&m, FIELD_APP, app->number);
    wire_put_u32(&m, FIELD_NUMBER, app->untold | always);
    if (wire_send(MASTER_FD, &m) == 0) {
        app->untold = 0;
        app->told_always = always != 0;
    }
    wire_message_clear(&m);
}

static void forget(struct watcher *watcher, struct watched *app)
{
    apr_hash_set(watcher->apps, &app->number, sizeof app->number, NULL);
    files_clear(&app->files);
    free(app);
}

/* The master defines it anew before each of these. */
static void on_watch(struct watcher *watcher, const struct wire_message *m)
{
    struct watched *app = find(watcher, wire_get_u32(m, FIELD_APP, 0));
    uint32_t how = wire_get_u32(m, FIELD_NUMBER, WATCH_OFF);

    if (app == NULL) {
        return;
    }
    if (how == WATCH_OFF) {
        forget(watcher, app);
        return;
    }
    if (how == WATCH_FRESH) {
        files_remember(&app->files);
        app->untold = 0;
    }
    app->is_on = true;
    tell(app);
}

static void on_measure(struct watcher *watcher, const struct wire_message *m)
{
    struct memory memory;
    struct wire_message out;

    if (m->n_fds < 2 ||
        memory_of(m->fds[0], m->fds[1], watcher->master, &memory) < 0) {
        return;
    }
    wire_message_init(&out);
    wire_message_begin(&out, MSG_MEASURED, 0);
    wire_put_u32(&out, FIELD_PROCESS, wire_get_u32(m, FIELD_PROCESS, 0));
    wire_put_u32(&out, FIELD_NUMBER, memory.pss_kib);
    wire_put_u32(&out, FIELD_PRIVATE_KIB, memory.private_kib);
    wire_put_u64(&out, FIELD_CPU_US, memory.cpu_us);
    wire_send(MASTER_FD, &out); /* full: the next time will do */
    wire_message_clear(&out);
}

static const struct {
    enum wire_type type;
    handler *handler;
} handlers[] = {
    { MSG_DEFINE, on_define },
    { MSG_WATCH, on_watch },
    { MSG_MEASURE, on_measure },
};

static void dispatch(struct watcher *watcher, const struct wire_message *m)
{
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (handlers[i].type == wire_type(m)) {
            handlers[i].handler(watcher, m);
        }
    }
}

static void on_master_ready(void *baton, int fd, unsigned events)
{
    struct watcher *watcher = baton;
    struct wire_message m;
    int rc;

    (void)events;
    wire_message_init(&m);
    while ((rc = wire_receive(fd, &m, FROM_MASTER, NULL)) == 1) {
        dispatch(watcher, &m);
    }
    wire_message_clear(&m);
    if (rc == 0) {
        loop_stop(watcher->loop);
    }
}

/* Looking ------------------------------------------------------------------ */

static void look_at(struct watched *app)
{
    app->untold |= files_look(&app->files) & ~(uint32_t)SEEN_ALWAYS;
    if (app->untold != 0 || app->told_always != app->files.is_always) {
        tell(app);
    }
}

static void on_look(void *baton)
{
    struct watcher *watcher = baton;

    loop_timer_add(watcher->loop, LOOK_US, on_look, watcher);
    for (apr_hash_index_t *i = apr_hash_first(NULL, watcher->apps);
         i != NULL; i = apr_hash_next(i)) {
        struct watched *app = apr_hash_this_val(i);

        if (app->is_on) {
            look_at(app);
        }
    }
}

static void forget_all(struct watcher *watcher)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, watcher->apps); i != NULL;
         i = apr_hash_next(i)) {
        forget(watcher, apr_hash_this_val(i));
    }
}

int watcher_main(void)
{
    struct watcher watcher = { .master = getppid() };
    struct loop_watch *master_watch;
    apr_pool_t *pool;

    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "apppool-watcher");
    signal(SIGPIPE, SIG_IGN);
    log_open("watcher", LOG_LEVEL_NOTICE);
    if (apr_initialize() != APR_SUCCESS ||
        apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    watcher.loop = loop_new(pool);
    watcher.apps = apr_hash_make(pool);
    master_watch = loop_watch(watcher.loop, MASTER_FD, LOOP_READ,
                              on_master_ready, &watcher);
    if (master_watch == NULL) {
        log_error("fd %d is no socket to a master", MASTER_FD);
        return 1;
    }
    loop_timer_add(watcher.loop, LOOK_US, on_look, &watcher);
    confine(CONFINE_WATCHER);
    loop_run(watcher.loop);
    forget_all(&watcher);
    loop_unwatch(&master_watch);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
