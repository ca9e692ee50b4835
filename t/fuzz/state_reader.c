/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_reader.c - see state_reader.h.
 */
#include "state_reader.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "root_pool.h"
#include "socket.h"
#include "state.h"

const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static int make_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("state", MFD_CLOEXEC);
    int rc = fd_write_all(fd, data, size);

    assert(rc == 0);
    (void)rc;
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static off_t size_of(int fd)
{
    struct stat st;
    int rc = fstat(fd, &st);

    assert(rc == 0);
    (void)rc;
    return st.st_size;
}

/* fd is closed. NULL: it is refused. */
static struct master *load(apr_pool_t *pool, int fd, size_t *n_r)
{
    const struct master_options options = {.resume = fd};
    struct master *m = master_new(&options, pool);
    const char *why = NULL;
    int *fds = NULL;
    int rc;

    assert(m != NULL);
    rc = state_load(m, fd, &fds, n_r, &why);
    assert((rc == 0) == (why == NULL));
    free(fds);
    close(fd);
    return rc == 0 ? m : NULL;
}

/* *size_r: of the text, in which only the order may differ. */
static struct master *save_and_load(apr_pool_t *pool, const struct master *m,
                                    size_t *n_r, off_t *size_r)
{
    int fd = -1;
    size_t n_saved = 0;
    int *fds = NULL;
    int rc = state_save(m, &fd, &fds, &n_saved);
    struct master *next;

    assert(rc == 0);
    (void)rc;
    free(fds);
    *size_r = size_of(fd);
    next = load(pool, fd, n_r);
    assert(next != NULL && *n_r == n_saved);
    return next;
}

void state_reader_try(const uint8_t *data, size_t size)
{
    apr_pool_t *pool = memory_root();
    size_t n = 0, n_again = 0;
    struct master *m = load(pool, make_file(data, size), &n);
    off_t before, after;

    if (m != NULL) {
        m = save_and_load(pool, m, &n, &before);
        save_and_load(pool, m, &n_again, &after);
        assert(n == n_again && before == after);
    }
    apr_pool_destroy(pool);
}
