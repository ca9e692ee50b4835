/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definitions.h - every application the configuration can lead a request to.
 *
 * Made by the parent when it has read the configuration, before it forks; a
 * child only looks. An application is known by its key (what its processes are
 * made of) and has a number that stays the same over generations.
 */
#ifndef MOD_APPPOOL_DEFINITIONS_H
#define MOD_APPPOOL_DEFINITIONS_H

#include <sys/resource.h>

#include "site.h"

/* RLimitCPU, RLimitMEM, RLimitNPROC of httpd's core; NULL: not said. */
struct rlimits {
    const struct rlimit *cpu, *mem, *nproc;
};

struct definition {
    const char *key;
    apr_uint32_t number;    /* 0: none given yet */
    struct site site;
    bool dynamic;           /* a template for roots that PoolAllowRoots admits;
                               site.root is "*" */
    volatile apr_uint32_t *spoken; /* enum apppool_session_protocol of the last
                                      session in this httpd child; 0: none */
    const struct place_config *place; /* of whoever came first */
    struct rlimits rlimits;           /* so are these */
    const server_rec *server;
};

struct definitions {
    apr_hash_t *by_key;        /* of struct definition */
    apr_array_header_t *all;   /* of struct definition *, in order */
    apr_array_header_t *notes; /* of const char *: what an admin should know */
};

/*
 * All definitions of the configuration of s and its vhosts, from p, without
 * numbers. Warnings (two places of one key with different limits, too many
 * combinations of sections) are in notes.
 */
struct definitions *definitions_collect(apr_pool_t *p, server_rec *s);

/*
 * The definition for a site; where it is a template the root has to go with
 * the request. NULL: the configuration knows none.
 */
const struct definition *definitions_find(const struct definitions *all,
                                          apr_pool_t *p,
                                          const struct place_config *place,
                                          const struct site *site);

/*
 * The interpreters named here that an application of this type may need, each
 * as "PoolRuby=/usr/bin/ruby"; from p.
 */
apr_array_header_t *definitions_interpreters(apr_pool_t *p,
                                             const struct place_config *place,
                                             enum apppool_type type);

/* The names and values of PoolSetEnv, "NAME=VALUE", sorted; from p. */
apr_array_header_t *definitions_setenv(apr_pool_t *p,
                                       const struct place_config *place);

#endif
