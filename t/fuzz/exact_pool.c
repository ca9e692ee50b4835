/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact_pool.c - in the place of libapr's: memory of its exact size, so that a
 * sanitizer sees each byte too far. For libraries that are preloaded.
 */
#include <apr_pools.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>

typedef void *palloc_fn(apr_pool_t *p, apr_size_t size);

static apr_status_t release(void *memory)
{
    free(memory);
    return APR_SUCCESS;
}

/* The cleanup that frees it is from the pool itself. */
void *apr_palloc(apr_pool_t *p, apr_size_t size)
{
    static palloc_fn *real;
    static bool is_cleanup;
    void *memory;

    if (real == NULL) {
        real = (palloc_fn *)dlsym(RTLD_NEXT, "apr_palloc");
    }
    if (is_cleanup) {
        return real(p, size);
    }
    memory = malloc(size);
    is_cleanup = true;
    apr_pool_cleanup_register(p, memory, release, apr_pool_cleanup_null);
    is_cleanup = false;
    return memory;
}
