/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.h - a body on its way: first in memory, then in a temporary file.
 *
 * The file has no name and belongs to the pool. Memory use is bounded whatever
 * the size.
 */
#ifndef MOD_APPPOOL_SPOOL_H
#define MOD_APPPOOL_SPOOL_H

#include <apr_buckets.h>
#include <stdbool.h>
#include <apr_file_io.h>
#include <apr_pools.h>

struct spool {
    apr_pool_t *pool;
    const char *folder;     /* of the file; NULL: the system's */
    char *memory;           /* the first bytes; NULL: none yet */
    apr_size_t memory_len, memory_size; /* size: allocated so far */
    apr_size_t memory_max;  /* PoolBufferMemory, bytes */
    int fd;                 /* of the file; -1: none yet */
    apr_off_t file_len;
};

/* An empty spool in p. memory_max > 0, bytes. */
void spool_init(struct spool *spool, apr_pool_t *p, apr_size_t memory_max,
                const char *folder);

/* Bytes in it. */
apr_off_t spool_len(const struct spool *spool);

/* Would len bytes more go to the file, or some of them? */
bool spool_needs_file(const struct spool *spool, apr_size_t len);

/*
 * Append. APR_SUCCESS; APR_ENOSPC (the disk, the quota or the greatest file
 * is full), other errors of making or writing a file.
 */
apr_status_t spool_write(struct spool *spool, const char *data,
                         apr_size_t len);

/*
 * A piece of what is in it from `offset` on (< spool_len): from memory without
 * a copy, from the file through `buffer`.
 */
apr_status_t spool_peek(const struct spool *spool, apr_off_t offset,
                        char *buffer, apr_size_t size, const char **data_r,
                        apr_size_t *len_r);

/*
 * Append the bytes from..to to a brigade: memory as transient buckets, the file
 * as file buckets, each with an open file of its own in p.
 */
apr_status_t spool_pass(const struct spool *spool, apr_off_t from,
                        apr_off_t to, apr_bucket_brigade *brigade,
                        apr_pool_t *p);

/* Append a copy of the bytes from..to, which no later spool_reset() touches. */
apr_status_t spool_copy(const struct spool *spool, apr_off_t from,
                        apr_off_t to, apr_bucket_brigade *brigade);

/* Forget all bytes. What was passed on may still be on its way: brigades copy
 * memory when they keep it, and have descriptors of the file. */
void spool_reset(struct spool *spool);

#endif
