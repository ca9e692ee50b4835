/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.h - which pool servers run on this host, and a way into one of them.
 *
 * A pool server has no name: it is found in /proc, and its admin pair's client
 * end (the master keeps it as descriptor 4) is duplicated by pidfd_getfd(2),
 * with the kernel's own permission check. Nothing listens.
 */
#ifndef APPPOOL_CTL_FIND_H
#define APPPOOL_CTL_FIND_H

#include <apr_tables.h>
#include <sys/types.h>

struct found_server {
    pid_t pid;           /* of the master */
    pid_t parent;        /* of the httpd, or whoever started it */
    const char *command; /* the parent's command line */
    const char *config_file, *server_root, *pid_file; /* as it tells us itself;
                                                        NULL: it was not asked,
                                                        or did not let us in */
};

/* All masters that /proc shows, as struct found_server, in `p`. */
apr_array_header_t *find_servers(apr_pool_t *p);

/*
 * The one server meant: `pid` is a master's, its httpd's, or 0 for the only
 * one there is. NULL: none or several, *why_r is a sentence (several: a list).
 */
const struct found_server *find_server(pid_t pid, const char **why_r,
                                       apr_pool_t *p);

/*
 * The one whose httpd reads this configuration file. Asks each server that lets
 * us in; of the others only the command line tells. NULL as above.
 */
const struct found_server *find_server_of_conf(const char *conf,
                                               const char **why_r,
                                               apr_pool_t *p);

/*
 * Duplicate the admin descriptor of a master. *fd_r is yours. 0, or -errno and
 * *why_r is a sentence with the remedy.
 */
int find_admin(pid_t master, int *fd_r, const char **why_r, apr_pool_t *p);

#endif
