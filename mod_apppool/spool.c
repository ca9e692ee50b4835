/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.c - memory and file behind a struct spool.
 *
 * The descriptor here is used with pread and pwrite only. Buckets get files of
 * their own: httpd's filters take ownership of a bucket's file when they set it
 * aside, and it is closed with the pool that they keep it in.
 */
#include "spool.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_FIRST 8192
#define COPY_SIZE 8192
/* A bucket's length is a size_t and some filters add to it. */
#define BUCKET_MAX ((apr_off_t)1 << 30)

void spool_init(struct spool *spool, apr_pool_t *p, apr_size_t memory_max,
                const char *folder)
{
    *spool = (struct spool){.pool = p, .folder = folder,
                            .memory_max = memory_max, .fd = -1};
}

apr_off_t spool_len(const struct spool *spool)
{
    return (apr_off_t)spool->memory_len + spool->file_len;
}

bool spool_needs_file(const struct spool *spool, apr_size_t len)
{
    return spool->fd >= 0 || spool->memory_len + len > spool->memory_max;
}

static apr_status_t close_file(void *data)
{
    struct spool *spool = data;

    close(spool->fd);
    spool->fd = -1;
    return APR_SUCCESS;
}

/* An endless response may need one file after the other: nothing of it stays in
 * the pool. */
static apr_status_t open_file(struct spool *spool)
{
    char path[PATH_MAX];
    int len;

    if (spool->folder == NULL) {
        apr_status_t rv = apr_temp_dir_get(&spool->folder, spool->pool);

        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    len = apr_snprintf(path, sizeof(path), "%s/apppool.XXXXXX", spool->folder);
    if (len >= (int)sizeof(path) - 1) {
        return APR_ENAMETOOLONG;
    }
    spool->fd = mkostemp(path, O_CLOEXEC);
    if (spool->fd < 0) {
        return errno;
    }
    unlink(path);
    apr_pool_cleanup_register(spool->pool, spool, close_file,
                              apr_pool_cleanup_null);
    return APR_SUCCESS;
}

static apr_status_t write_file(struct spool *spool, const char *data,
                               apr_size_t len)
{
    while (len > 0) {
        ssize_t n = pwrite(spool->fd, data, len, spool->file_len);

        if (n < 0 && errno != EINTR) {
            return errno == EDQUOT || errno == EFBIG ? APR_ENOSPC : errno;
        }
        if (n > 0) {
            data += n;
            len -= (apr_size_t)n;
            spool->file_len += n;
        }
    }
    return APR_SUCCESS;
}

/* Grows by doubling: most bodies are small. */
static void grow_memory(struct spool *spool, apr_size_t len)
{
    apr_size_t size = spool->memory_size ? spool->memory_size : MEMORY_FIRST;
    char *grown;

    while (size < len) {
        size *= 2;
    }
    if (size > spool->memory_max) {
        size = spool->memory_max;
    }
    if (size > spool->memory_size) {
        grown = apr_palloc(spool->pool, size);
        if (spool->memory_len > 0) {
            memcpy(grown, spool->memory, spool->memory_len);
        }
        spool->memory = grown;
        spool->memory_size = size;
    }
}

static apr_size_t write_memory(struct spool *spool, const char *data,
                               apr_size_t len)
{
    apr_size_t room = spool->memory_max - spool->memory_len;

    if (spool->file_len > 0 || room == 0) {
        return 0;
    }
    if (len > room) {
        len = room;
    }
    grow_memory(spool, spool->memory_len + len);
    memcpy(spool->memory + spool->memory_len, data, len);
    spool->memory_len += len;
    return len;
}

apr_status_t spool_write(struct spool *spool, const char *data,
                         apr_size_t len)
{
    apr_size_t kept = write_memory(spool, data, len);
    apr_status_t rv = APR_SUCCESS;

    if (kept < len && spool->fd < 0) {
        rv = open_file(spool);
    }
    if (kept < len && rv == APR_SUCCESS) {
        rv = write_file(spool, data + kept, len - kept);
    }
    return rv;
}

apr_status_t spool_peek(const struct spool *spool, apr_off_t offset,
                        char *buffer, apr_size_t size, const char **data_r,
                        apr_size_t *len_r)
{
    ssize_t n;

    if (offset < (apr_off_t)spool->memory_len) {
        *data_r = spool->memory + offset;
        *len_r = spool->memory_len - (apr_size_t)offset;
        return APR_SUCCESS;
    }
    do {
        n = pread(spool->fd, buffer, size,
                  offset - (apr_off_t)spool->memory_len);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return n < 0 ? errno : APR_EGENERAL;
    }
    *data_r = buffer;
    *len_r = (apr_size_t)n;
    return APR_SUCCESS;
}

/*
 * A bucket with a file of its own: whoever sets it aside takes the file along,
 * and a second bucket of the same would be left without. It is opened anew, not
 * copied and put into an apr_file_t: such a one nobody closes any more once it
 * has been set aside (APR_FOPEN_NOCLEANUP).
 */
static apr_status_t pass_piece(const struct spool *spool, apr_off_t from,
                               apr_size_t len, apr_bucket_brigade *brigade,
                               apr_pool_t *p)
{
    char path[40];
    apr_file_t *file;
    apr_bucket *bucket;
    apr_status_t rv;

    apr_snprintf(path, sizeof(path), "/proc/self/fd/%d", spool->fd);
    rv = apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY,
                       APR_FPROT_OS_DEFAULT, p);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    bucket = apr_bucket_file_create(file, from, len, p, brigade->bucket_alloc);
    apr_bucket_file_enable_mmap(bucket, 0);
    APR_BRIGADE_INSERT_TAIL(brigade, bucket);
    return APR_SUCCESS;
}

static apr_status_t pass_file(const struct spool *spool, apr_off_t from,
                              apr_off_t to, apr_bucket_brigade *brigade,
                              apr_pool_t *p)
{
    apr_status_t rv = APR_SUCCESS;

    while (from < to && rv == APR_SUCCESS) {
        apr_off_t len = to - from < BUCKET_MAX ? to - from : BUCKET_MAX;

        rv = pass_piece(spool, from, (apr_size_t)len, brigade, p);
        from += len;
    }
    return rv;
}

apr_status_t spool_pass(const struct spool *spool, apr_off_t from,
                        apr_off_t to, apr_bucket_brigade *brigade,
                        apr_pool_t *p)
{
    apr_off_t memory_len = (apr_off_t)spool->memory_len;

    if (from < memory_len && from < to) {
        apr_off_t end = to < memory_len ? to : memory_len;

        APR_BRIGADE_INSERT_TAIL(
            brigade, apr_bucket_transient_create(spool->memory + from,
                                                 (apr_size_t)(end - from),
                                                 brigade->bucket_alloc));
        from = end;
    }
    return from < to ? pass_file(spool, from - memory_len, to - memory_len,
                                 brigade, p)
                     : APR_SUCCESS;
}

apr_status_t spool_copy(const struct spool *spool, apr_off_t from,
                        apr_off_t to, apr_bucket_brigade *brigade)
{
    char buffer[COPY_SIZE];
    apr_status_t rv = APR_SUCCESS;

    while (from < to && rv == APR_SUCCESS) {
        const char *data = NULL;
        apr_size_t len = 0;

        rv = spool_peek(spool, from, buffer, sizeof(buffer), &data, &len);
        if (rv == APR_SUCCESS) {
            if ((apr_off_t)len > to - from) {
                len = (apr_size_t)(to - from);
            }
            rv = apr_brigade_write(brigade, NULL, NULL, data, len);
            from += (apr_off_t)len;
        }
    }
    return rv;
}

/* Not truncated: HTTP/2 and httpd's core may still have to read what was passed
 * to them, through descriptors of their own. */
void spool_reset(struct spool *spool)
{
    spool->memory_len = 0;
    if (spool->fd >= 0) {
        apr_pool_cleanup_run(spool->pool, spool, close_file);
        spool->file_len = 0;
    }
}
