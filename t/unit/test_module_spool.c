/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_module_spool.c - what a spool passes on, as a filter keeps it.
 */
#include "program.h"
#include "spool.h"

#include <apr_general.h>
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "leaks.h"

/* A bucket of a file holds a gibibyte at most. */
#define GIB ((apr_off_t)1 << 30)

static apr_pool_t *pool;

static void set_up(void)
{
    leaks_begin();
    apr_initialize();
    apr_pool_create(&pool, NULL);
}

static void tear_down(void)
{
    apr_pool_destroy(pool);
    apr_terminate();
    leaks_end();
}

/* "abc" in memory, then a file of this length that ends in "xyz"; the rest of
 * it takes no place. */
static void fill(struct spool *spool, apr_off_t file_len)
{
    spool_init(spool, pool, 3, NULL);
    ck_assert_int_eq(spool_write(spool, "abc-", 4), APR_SUCCESS);
    ck_assert_int_eq(pwrite(spool->fd, "xyz", 3, file_len - 3), 3);
    spool->file_len = file_len;
}

/* Keep all of it beyond the life of the pool that it was made in. */
static void set_aside(apr_bucket_brigade *brigade, apr_pool_t *p)
{
    for (apr_bucket *b = APR_BRIGADE_FIRST(brigade);
         b != APR_BRIGADE_SENTINEL(brigade); b = APR_BUCKET_NEXT(b)) {
        ck_assert_int_eq(apr_bucket_setaside(b, p), APR_SUCCESS);
    }
}

/* Every bucket's file can be read; the brigade's last bytes are `end`. */
static void check_files(apr_bucket_brigade *brigade, const char *end)
{
    apr_bucket *b = APR_BUCKET_NEXT(APR_BRIGADE_FIRST(brigade));
    const char *data = NULL;
    apr_size_t len = 0;

    for (; b != APR_BRIGADE_SENTINEL(brigade); b = APR_BUCKET_NEXT(b)) {
        ck_assert(APR_BUCKET_IS_FILE(b));
        if (b->length > 3) {
            apr_bucket_split(b, b->length - 3);
            b = APR_BUCKET_NEXT(b);
        }
        ck_assert_int_eq(apr_bucket_read(b, &data, &len, APR_BLOCK_READ),
                         APR_SUCCESS);
    }
    ck_assert_uint_eq(len, strlen(end));
    ck_assert_mem_eq(data, end, len);
}

/* httpd's core keeps what a slow client has not taken, bucket by bucket, after
 * the handler has returned: more than one bucket of one file, too. */
START_TEST(a_file_of_several_buckets_can_be_set_aside)
{
    apr_bucket_alloc_t *alloc = apr_bucket_alloc_create(pool);
    apr_bucket_brigade *brigade = apr_brigade_create(pool, alloc);
    apr_pool_t *handler, *connection;
    struct spool spool;
    apr_off_t len;

    fill(&spool, 2 * GIB + 10);
    apr_pool_create(&handler, pool);
    apr_pool_create(&connection, pool);
    ck_assert_int_eq(spool_pass(&spool, 0, spool_len(&spool), brigade,
                                handler), APR_SUCCESS);
    set_aside(brigade, connection);
    apr_pool_destroy(handler);
    ck_assert_int_eq(apr_brigade_length(brigade, 1, &len), APR_SUCCESS);
    ck_assert_int_eq(len, 2 * GIB + 13);
    check_files(brigade, "xyz");
    apr_brigade_destroy(brigade);
    apr_pool_destroy(pool); /* the file of `spool` goes with it */
    apr_pool_create(&pool, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spool");
    TCase *c = program_case(suite, "spool", set_up, tear_down);

    tcase_add_test(c, a_file_of_several_buckets_can_be_set_aside);
    return program_run(suite);
}
