/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root_pool.c - see root_pool.h.
 */
#include "root_pool.h"

#include <stdlib.h>

#include "log.h"

static int on_no_memory(int status)
{
    (void)status;
    log_error("no memory: this process ends");
    abort();
}

apr_pool_t *memory_root(void)
{
    apr_pool_t *root = NULL;

    if (apr_pool_create_ex(&root, NULL, on_no_memory, NULL) != APR_SUCCESS) {
        on_no_memory(APR_ENOMEM);
    }
    return root;
}
