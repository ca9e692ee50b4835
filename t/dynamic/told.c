/* SPDX-License-Identifier: Apache-2.0 */
/*
 * told.c - tells helgrind (3.19) of two calls of the C library that it does not
 * know: sem_clockwait(), so that what was written before sem_post() seems to be
 * in a race with who has waited, and pthread_tryjoin_np(). It is preloaded.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <valgrind/helgrind.h>

int sem_post(sem_t *semaphore)
{
    int (*post)(sem_t *) = (int (*)(sem_t *))dlsym(RTLD_NEXT, "sem_post");

    ANNOTATE_HAPPENS_BEFORE(semaphore);
    /* What it reads of the semaphore from here on is not of that before. */
    VALGRIND_HG_DISABLE_CHECKING(semaphore, sizeof(*semaphore));
    return post(semaphore);
}

int sem_clockwait(sem_t *semaphore, clockid_t clock,
                  const struct timespec *end)
{
    int (*wait)(sem_t *, clockid_t, const struct timespec *) =
        (int (*)(sem_t *, clockid_t, const struct timespec *))dlsym(
            RTLD_NEXT, "sem_clockwait");
    int rc = wait(semaphore, clock, end);

    if (rc == 0) {
        ANNOTATE_HAPPENS_AFTER(semaphore);
    }
    return rc;
}

int pthread_tryjoin_np(pthread_t thread, void **result)
{
    int (*join)(pthread_t, void **) =
        (int (*)(pthread_t, void **))dlsym(RTLD_NEXT, "pthread_tryjoin_np");
    int rc = join(thread, result);

    if (rc == 0) {
        DO_CREQ_v_W(_VG_USERREQ__HG_PTHREAD_JOIN_POST, pthread_t, thread);
    }
    return rc;
}
