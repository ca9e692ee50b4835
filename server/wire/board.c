/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board.c - makes, checks and maps boards.
 */
#include "board.h"

#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

int board_make(int *fd_r)
{
    int fd = memfd_create("apppool-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int rc;

    *fd_r = -1;
    if (fd < 0) {
        return -errno;
    }
    if (ftruncate(fd, BOARD_SIZE) < 0 ||
        fcntl(fd, F_ADD_SEALS, SIZE_SEALS | F_SEAL_SEAL) < 0) {
        rc = -errno;
        fd_close(&fd);
        return rc;
    }
    *fd_r = fd;
    return 0;
}

int board_map(int fd, struct slot_line **lines_r)
{
    struct stat st;
    void *lines;
    int seals = fcntl(fd, F_GET_SEALS);

    *lines_r = NULL;
    if (seals < 0 || (seals & SIZE_SEALS) != SIZE_SEALS ||
        fstat(fd, &st) < 0 || st.st_size != BOARD_SIZE) {
        return -EPROTO;
    }
    lines = mmap(NULL, BOARD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (lines == MAP_FAILED) {
        return -errno;
    }
    /* A forked copy has no business with it: better a fault than a change. */
    if (madvise(lines, BOARD_SIZE, MADV_DONTFORK) < 0) {
        int rc = -errno;

        munmap(lines, BOARD_SIZE);
        return rc;
    }
    *lines_r = lines;
    return 0;
}

struct slot_note *board_note(struct slot_line *lines, unsigned k)
{
    return (struct slot_note *)((char *)lines + BOARD_BYTES +
                                (size_t)k * NOTE_BYTES);
}

void board_unmap(struct slot_line **lines)
{
    if (*lines != NULL) {
        munmap(*lines, BOARD_SIZE);
        *lines = NULL;
    }
}
