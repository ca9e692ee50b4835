/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork_mark.c - a page that does not survive fork(2).
 */
#include "fork_mark.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096 /* at least: the kernel rounds it up */

void fork_mark_set(struct fork_mark *mark)
{
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *mark = (struct fork_mark){.owner = getpid()};
    if (page == MAP_FAILED) {
        return;
    }
    if (madvise(page, PAGE, MADV_WIPEONFORK) != 0) {
        munmap(page, PAGE);
        return;
    }
    *page = 1;
    mark->page = page;
}

void fork_mark_clear(struct fork_mark *mark)
{
    if (mark->page != NULL) {
        munmap((char *)mark->page, PAGE);
        mark->page = NULL;
    }
}

bool fork_mark_is_here(const struct fork_mark *mark)
{
    return mark->page != NULL ? *mark->page == 1 : mark->owner == getpid();
}
