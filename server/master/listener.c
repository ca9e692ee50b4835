/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.c - see listener.h.
 *
 * bind(2) and connect(2) go through /proc/self/fd as well, so that no folder
 * is too long for a socket's name (107 bytes, unix(7)).
 */
#include "listener.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "port.h"
#include "socket.h"

#define BACKLOG 511
#define NAME    "s"

static int make_folder(const char *below, char **name_r, int *fd_r)
{
    int rc = 0;

    if (asprintf(name_r, "%s/apppool.XXXXXX", below) < 0) {
        abort();
    }
    if (mkdtemp(*name_r) == NULL) {
        rc = -errno;
        free(*name_r);
        *name_r = NULL;
        return rc;
    }
    *fd_r = open(*name_r, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd_r < 0) {
        rc = -errno;
        rmdir(*name_r);
        free(*name_r);
        *name_r = NULL;
    }
    return rc;
}

static void set_address(struct sockaddr_un *address, int fd, const char *name)
{
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    snprintf(address->sun_path, sizeof(address->sun_path),
             "/proc/self/fd/%d%s", fd, name);
}

static int bind_and_listen(struct listener *listener, int folder)
{
    struct sockaddr_un address;
    mode_t mask;
    int rc;

    set_address(&address, folder, "/" NAME);
    mask = umask(0177);
    rc = bind(listener->fd, (struct sockaddr *)&address, sizeof(address));
    rc = rc < 0 ? -errno : 0;
    umask(mask);
    if (rc == 0 && listen(listener->fd, BACKLOG) < 0) {
        rc = -errno;
    }
    if (rc == 0) {
        listener->path = openat(folder, NAME, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        rc = listener->path < 0 ? -errno : 0;
    }
    unlinkat(folder, NAME, 0);
    return rc;
}

int listener_new(const char *folder, struct listener **listener_r)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    char *private_name = NULL;
    int private_fd = -1;
    int rc;

    if (listener == NULL) {
        abort();
    }
    *listener_r = NULL;
    listener->refs = 1;
    listener->path = -1;
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    rc = listener->fd < 0 ? -errno : 0;
    if (rc == 0) {
        rc = make_folder(folder, &private_name, &private_fd);
    }
    if (rc == 0) {
        assert(private_name != NULL);
        rc = bind_and_listen(listener, private_fd);
        fd_close(&private_fd);
        rmdir(private_name);
        free(private_name);
    }
    if (rc < 0) {
        listener_release(&listener);
    }
    *listener_r = listener;
    return rc;
}

struct listener *listener_share(struct listener *listener)
{
    listener->refs++;
    return listener;
}

void listener_release(struct listener **listener)
{
    if (*listener != NULL && --(*listener)->refs == 0) {
        fd_close(&(*listener)->fd);
        fd_close(&(*listener)->path);
        free(*listener);
    }
    *listener = NULL;
}

int listener_connect(const struct listener *listener, int *fd_r)
{
    struct sockaddr_un address;
    int fd, rc;

    if (listener->port != 0) {
        return port_connect(listener->port, fd_r);
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *fd_r = -1;
    if (fd < 0) {
        return -errno;
    }
    set_address(&address, listener->path, "");
    rc = connect(fd, (struct sockaddr *)&address, sizeof(address));
    if (rc < 0) {
        rc = -errno;
        fd_close(&fd);
        return rc;
    }
    *fd_r = fd;
    return 0;
}

bool listener_has_waiting(const struct listener *listener)
{
    return wire_wait_readable(listener->fd, 0) == 1;
}

void listener_drain(struct listener *listener)
{
    while (listener_has_waiting(listener)) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd < 0) {
            return;
        }
        fd_close(&fd);
    }
}
