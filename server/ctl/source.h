/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.h - where the tool gets its answers: a pool server of this host, its
 * PoolControlSocket, or a status page somewhere.
 */
#ifndef APPPOOL_CTL_SOURCE_H
#define APPPOOL_CTL_SOURCE_H

#include <apr_pools.h>
#include <sys/types.h>

struct apppool_client;

/* What the command line says of it; zeros: the only server of this host. */
struct source_options {
    pid_t pid;          /* --pid, --pid-file */
    const char *conf;   /* --conf */
    const char *socket; /* --socket */
    const char *url;    /* --url */
};

struct source {
    struct apppool_client *client; /* NULL: a page, which tells status only */
    const char *url;
    int fd;                        /* behind client; -1 */
};

/* It lives in p, whose cleanup closes it. NULL: *why_r is a sentence. */
const struct source *source_open(const struct source_options *options,
                                 const char **why_r, apr_pool_t *p);

enum source_end {
    SOURCE_TOLD,
    SOURCE_REFUSED,    /* there is an answer, but not that one */
    SOURCE_UNREACHABLE
};

/* The pool's state as JSON, in p; unless it is told *why_r is a sentence. */
enum source_end source_status(const struct source *source,
                              const char **json_r, apr_size_t *len_r,
                              const char **why_r, apr_pool_t *p);

#endif
