/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leaks.c - counts what a test leaves behind.
 */
#include "leaks.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <sys/wait.h>

static unsigned fds_before;

unsigned leaks_count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned n = 0;

    ck_assert_ptr_nonnull(folder);
    while (readdir(folder) != NULL) {
        n++;
    }
    closedir(folder);
    return n - 3; /* ".", ".." and the folder's own */
}

void leaks_begin(void)
{
    fds_before = leaks_count_fds();
}

void leaks_end(void)
{
    ck_assert_uint_eq(leaks_count_fds(), fds_before);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}
