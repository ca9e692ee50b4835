/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c - see control.h.
 */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clients.h"
#include "gate.h"
#include "socket.h"

#define PEERS_MAX 16
#define PEER_PATIENCE apr_time_from_sec(10)

/* Somebody who has connected and not asked yet. */
struct control_peer {
    LIST_ENTRY(control_peer) next;
    struct control *control;
    int fd; /* owned */
    struct loop_watch *watch;
    struct loop_timer *patience;
};

struct control {
    struct master *m; /* borrowed */
    char *path;       /* owned */
    ino_t inode;      /* of the socket: another's is not removed */
    int fd;
    struct loop_watch *watch;
    unsigned n_peers;
    LIST_HEAD(, control_peer) peers;
};

/* Peers -------------------------------------------------------------------- */

static void peer_free(struct control_peer *peer)
{
    LIST_REMOVE(peer, next);
    peer->control->n_peers--;
    loop_timer_cancel(&peer->patience);
    loop_unwatch(&peer->watch);
    fd_close(&peer->fd);
    free(peer);
}

static int answer(void *baton, int channel)
{
    const struct control_peer *peer = baton;

    return rendezvous_answer(peer->fd, channel);
}

static void on_ask(void *baton, int fd, unsigned events)
{
    struct control_peer *peer = baton;
    struct master *m = peer->control->m;
    struct wire_sender who;
    char byte = '\0';
    int rc = rendezvous_receive(fd, &byte, &who);

    (void)events;
    if (rc == -EAGAIN) {
        return;
    }
    if (rc == 1 && byte == RENDEZVOUS_CHANNEL && gate_may_command(m, &who)) {
        rc = client_new(m, &who, true, answer, peer);
        if (rc < 0) {
            log_error("pid %ld asked at the control socket and got no"
                      " channel: %s", (long)who.pid, strerror(-rc));
        }
    } else if (rc != 0) {
        gate_log_denial(m, &who, "an ask at the control socket");
    }
    peer_free(peer);
}

static void on_no_ask(void *baton)
{
    struct control_peer *peer = baton;

    peer->patience = NULL;
    peer_free(peer);
}

static void peer_new(struct control *control, int *fd)
{
    struct control_peer *peer = calloc(1, sizeof(*peer));

    if (peer == NULL) {
        abort();
    }
    peer->control = control;
    peer->fd = *fd;
    *fd = -1;
    control->n_peers++;
    LIST_INSERT_HEAD(&control->peers, peer, next);
    wire_pass_credentials(peer->fd);
    peer->patience = loop_timer_add(control->m->loop, PEER_PATIENCE,
                                    on_no_ask, peer);
    peer->watch = loop_watch(control->m->loop, peer->fd, LOOP_READ, on_ask,
                             peer);
    if (peer->watch == NULL) {
        peer_free(peer);
    }
}

static void on_connect(void *baton, int fd, unsigned events)
{
    struct control *control = baton;
    int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (peer < 0) {
        return;
    }
    if (control->n_peers < PEERS_MAX) {
        peer_new(control, &peer);
    }
    fd_close(&peer);
}

/* The socket --------------------------------------------------------------- */

/* Could somebody else have put something there? */
static int check_folder(const struct master *m, const char *path)
{
    char *folder = strdup(path);
    char *slash = folder != NULL ? strrchr(folder, '/') : NULL;
    struct stat st;
    int rc = 0;

    if (slash == NULL) {
        free(folder);
        return -EINVAL;
    }
    slash[slash == folder ? 1 : 0] = '\0';
    if (stat(folder, &st) < 0) {
        rc = -errno;
    } else if ((st.st_uid != 0 && st.st_uid != m->uid) ||
               (st.st_mode & 022) != 0) {
        rc = -EPERM;
    }
    free(folder);
    return rc;
}

/* What an earlier server left behind; nothing but a socket of ours goes. */
static void remove_stale(const struct master *m, const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
        st.st_uid == m->uid) {
        unlink(path);
    }
}

static int bind_at(struct control *control)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    mode_t mask = umask(0177);
    struct stat st = { 0 };
    int rc;

    strncpy(address.sun_path, control->path, sizeof(address.sun_path) - 1);
    rc = bind(control->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
         listen(control->fd, PEERS_MAX) < 0 ||
         lstat(control->path, &st) < 0 ? -errno : 0;
    umask(mask);
    if (rc == 0) {
        control->inode = st.st_ino;
    }
    return rc;
}

static int control_open(struct control *control)
{
    struct master *m = control->m;
    int rc = strlen(control->path) < sizeof(((struct sockaddr_un *)0)->sun_path)
                 ? check_folder(m, control->path) : -ENAMETOOLONG;

    if (rc < 0) {
        return rc;
    }
    remove_stale(m, control->path);
    control->fd = socket(AF_UNIX,
                         SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->fd < 0) {
        return -errno;
    }
    rc = bind_at(control);
    if (rc == 0) {
        control->watch = loop_watch(m->loop, control->fd, LOOP_READ,
                                    on_connect, control);
    }
    return rc;
}

static void control_close(struct control *control)
{
    struct control_peer *peer, *next;
    struct stat st;

    for (peer = LIST_FIRST(&control->peers); peer != NULL; peer = next) {
        next = LIST_NEXT(peer, next);
        peer_free(peer);
    }
    loop_unwatch(&control->watch);
    fd_close(&control->fd);
    if (control->inode != 0 && lstat(control->path, &st) == 0 &&
        st.st_ino == control->inode) {
        unlink(control->path);
    }
    free(control->path);
    free(control);
}

static const char *remedy(int rc)
{
    return rc == -EPERM ? "its folder must belong to root or to who starts"
                          " httpd and be writable by nobody else"
                        : strerror(-rc);
}

static void control_start(struct master *m, const char *path)
{
    struct control *control = calloc(1, sizeof(*control));
    int rc;

    if (control == NULL || (control->path = strdup(path)) == NULL) {
        abort();
    }
    control->m = m;
    control->fd = -1;
    LIST_INIT(&control->peers);
    rc = control_open(control);
    if (rc < 0) {
        log_error("PoolControlSocket %s: %s", path, remedy(rc));
        control_close(control);
        return;
    }
    m->control = control;
}

void control_listen(struct master *m, const char *path)
{
    if (m->control != NULL &&
        (path == NULL || strcmp(path, m->control->path) != 0)) {
        control_close(m->control);
        m->control = NULL;
    }
    if (path != NULL && m->control == NULL) {
        control_start(m, path);
    }
}
