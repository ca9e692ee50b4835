/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root.h - an application's root as somebody writes it in a shell.
 */
#ifndef APPPOOL_CTL_ROOT_H
#define APPPOOL_CTL_ROOT_H

#include <apr_pools.h>
#include <jansson.h>

/*
 * Relative, with a slash at its end or by other links than the configuration
 * has it: the name by which the pool's status knows it, or, where it knows
 * none, the path made absolute. In p.
 */
const char *root_known(const char *word, const json_t *status, apr_pool_t *p);

#endif
