/* SPDX-License-Identifier: Apache-2.0 */
/*
 * board.h - the memfd behind a client's slots: their words (slot_word.h), then
 * their notes (slot_note.h).
 *
 * Made by the master, sealed against any change of size: otherwise a client's
 * ftruncate() would end the engine by SIGBUS.
 */
#ifndef APPPOOL_BOARD_H
#define APPPOOL_BOARD_H

#include "slot_note.h"
#include "slot_word.h"

/* Pages of the notes exist only where a note was written. */
#define BOARD_SIZE (BOARD_BYTES + BOARD_SLOTS * NOTE_BYTES)

/* Make a sealed board of zeros (all EMPTY). *fd_r is yours. 0 or -errno. */
int board_make(int *fd_r);

/*
 * Map a board after checking size and seals; MADV_DONTFORK. fd is borrowed and
 * may be closed afterwards. *lines_r: BOARD_SLOTS lines.
 * 0, -EPROTO (not a sealed board), other -errno.
 */
int board_map(int fd, struct slot_line **lines_r);

/* The note of slot k. */
struct slot_note *board_note(struct slot_line *lines, unsigned k);

/* Unmap and set to NULL; NULL inside is fine. */
void board_unmap(struct slot_line **lines);

#endif
