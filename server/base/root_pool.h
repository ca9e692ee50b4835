/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root_pool.h - no memory for a small thing ends the process, and says why.
 */
#ifndef APPPOOL_ROOT_POOL_H
#define APPPOOL_ROOT_POOL_H

#include <apr_pools.h>

/* The pool that all others of a process come from: whoever finds no memory in
 * it aborts with a line in the log, in place of a crash somewhere later. */
apr_pool_t *memory_root(void);

#endif
