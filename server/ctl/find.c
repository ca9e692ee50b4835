/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.c - see find.h.
 */
#include "find.h"

#include <apr_strings.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "apppool/pool.h"
#include "apppool/server.h"
#include "proc_stat.h"

#define MASTER_NAME "apppool-server"
#define ADMIN_FD 4

/* The contents of /proc/PID/NAME, at most size - 1 bytes; -1: not readable. */
static ssize_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    ssize_t len;
    int fd;

    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    len = read(fd, text, size - 1);
    close(fd);
    if (len >= 0) {
        text[len] = '\0';
    }
    return len;
}

static int is_master(pid_t pid)
{
    char name[32];

    return read_proc(pid, "comm", name, sizeof name) > 0 &&
           strcmp(name, MASTER_NAME "\n") == 0;
}

static pid_t parent_of(pid_t pid)
{
    struct proc_stat stat;

    return proc_stat_read(pid, &stat) == 0 ? stat.parent : 0;
}

static const char *command_of(pid_t pid, apr_pool_t *p)
{
    char text[4096];
    ssize_t len = read_proc(pid, "cmdline", text, sizeof text);

    for (ssize_t i = 0; i + 1 < len; i++) {
        if (text[i] == '\0') {
            text[i] = ' ';
        }
    }
    return apr_pstrdup(p, len > 0 ? text : "?");
}

apr_array_header_t *find_servers(apr_pool_t *p)
{
    apr_array_header_t *found = apr_array_make(p, 2,
                                               sizeof(struct found_server));
    DIR *proc = opendir("/proc");
    struct dirent *entry;

    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)atol(entry->d_name);

        if (pid > 0 && is_master(pid)) {
            struct found_server *server = apr_array_push(found);

            server->pid = pid;
            server->parent = parent_of(pid);
            server->command = command_of(server->parent, p);
            server->config_file = NULL;
            server->server_root = server->pid_file = NULL;
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
    return found;
}

/* Asking a server about its httpd ------------------------------------------ */

static const char *copy_member(const json_t *object, const char *name,
                               apr_pool_t *p)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? apr_pstrdup(p, text) : NULL;
}

static void read_description(struct found_server *server, const char *text,
                             apr_size_t len, apr_pool_t *p)
{
    json_t *config = json_loadb(text, len, 0, NULL);
    const json_t *httpd = json_object_get(config, "httpd");

    server->config_file = copy_member(httpd, "config_file", p);
    server->server_root = copy_member(httpd, "server_root", p);
    server->pid_file = copy_member(httpd, "pid_file", p);
    json_decref(config);
}

static void ask(struct found_server *server, apr_pool_t *p)
{
    struct apppool_client *client;
    const char *text, *why;
    apr_size_t len;
    int fd = -1;

    if (find_admin(server->pid, &fd, &why, p) < 0) {
        return;
    }
    if (apppool_client_from_admin(fd, &client, p) == APR_SUCCESS) {
        if (apppool_config(client, &text, &len, p) == APR_SUCCESS) {
            read_description(server, text, len, p);
        }
        apppool_client_close(client);
    }
    close(fd);
}

static const char *list_servers(const apr_array_header_t *found, apr_pool_t *p)
{
    const char *list = "several pool servers run here; say which by --pid,"
                       " --pid-file or --conf:";

    for (int i = 0; i < found->nelts; i++) {
        struct found_server *server =
            &APR_ARRAY_IDX(found, i, struct found_server);

        ask(server, p);
        list = apr_psprintf(p, "%s\n  --pid %ld  httpd %ld: ", list,
                            (long)server->pid, (long)server->parent);
        list = server->server_root != NULL
            ? apr_psprintf(p, "%sServerRoot %s, PidFile %s, %s", list,
                           server->server_root, server->pid_file,
                           server->config_file)
            : apr_pstrcat(p, list, server->command, NULL);
    }
    return list;
}

/* Of one that does not let us in: its command line has the file in it. */
static int reads_conf(const struct found_server *server, const char *conf,
                      const char *given)
{
    char *theirs = server->config_file != NULL
                       ? realpath(server->config_file, NULL) : NULL;
    int is_it = theirs != NULL
                    ? strcmp(theirs, conf) == 0
                    : strstr(server->command, conf) != NULL ||
                      strstr(server->command, given) != NULL;

    free(theirs);
    return is_it;
}

const struct found_server *find_server_of_conf(const char *conf,
                                               const char **why_r,
                                               apr_pool_t *p)
{
    apr_array_header_t *found = find_servers(p);
    char *real = realpath(conf, NULL);
    const struct found_server *match = NULL;

    *why_r = apr_psprintf(p, "no httpd with a pool server reads %s", conf);
    if (real == NULL) {
        *why_r = apr_psprintf(p, "%s: %s", conf, strerror(errno));
    }
    for (int i = 0; i < found->nelts && real != NULL && match == NULL; i++) {
        struct found_server *server =
            &APR_ARRAY_IDX(found, i, struct found_server);

        ask(server, p);
        match = reads_conf(server, real, conf) ? server : NULL;
    }
    free(real);
    return match;
}

const struct found_server *find_server(pid_t pid, const char **why_r,
                                       apr_pool_t *p)
{
    apr_array_header_t *found = find_servers(p);

    for (int i = 0; i < found->nelts; i++) {
        struct found_server *server =
            &APR_ARRAY_IDX(found, i, struct found_server);

        if (pid == server->pid || pid == server->parent) {
            return server;
        }
    }
    if (pid != 0) {
        *why_r = apr_psprintf(p, "pid %ld is neither a pool server nor the"
                              " httpd of one", (long)pid);
    } else if (found->nelts == 1) {
        return &APR_ARRAY_IDX(found, 0, struct found_server);
    } else if (found->nelts == 0) {
        *why_r = "no pool server runs on this host (is mod_apppool loaded?)";
    } else {
        *why_r = list_servers(found, p);
    }
    return NULL;
}

/* Who has no pid in its namespace (pid_namespaces(7)) is nobody to a server,
 * and who asks all the same may be given what was meant for another. */
static int is_in_container(pid_t pid, apr_pool_t *p)
{
    struct stat theirs, ours;

    return stat(apr_psprintf(p, "/proc/%ld/ns/pid", (long)pid),
                &theirs) == 0 &&
           stat("/proc/self/ns/pid", &ours) == 0 &&
           theirs.st_ino != ours.st_ino;
}

int find_admin(pid_t master, int *fd_r, const char **why_r, apr_pool_t *p)
{
    int pidfd, error, fd = -1;

    if (is_in_container(master, p)) {
        *why_r = apr_psprintf(p, "the pool server (pid %ld) is in a container"
                              " and takes commands from in there only:"
                              " nsenter -t %ld -a apppoolctl ...",
                              (long)master, (long)master);
        return -EXDEV;
    }
    pidfd = (int)syscall(SYS_pidfd_open, master, 0);
    if (pidfd >= 0) {
        fd = (int)syscall(SYS_pidfd_getfd, pidfd, ADMIN_FD, 0);
    }
    error = errno;
    if (pidfd >= 0) {
        close(pidfd);
    }
    if (fd >= 0) {
        *fd_r = fd;
        return 0;
    }
    *why_r = apr_psprintf(
        p, "the pool server (pid %ld) cannot be reached: %s%s", (long)master,
        strerror(error),
        error == EPERM
            ? geteuid() == 0
                ? ". The kernel refuses to duplicate its descriptor (a"
                  " container without CAP_SYS_PTRACE, or yama): set"
                  " PoolControlSocket and use --socket, or --url with a"
                  " status page"
                : ". Only root and the user who started it may: try sudo, or"
                  " --url with a status page"
            : "");
    return -error;
}
