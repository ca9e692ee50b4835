/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - a pipe of text, cut into lines.
 *
 * Lines of up to OUTPUT_LINE_MAX bytes stay whole; longer ones come in pieces.
 * One pipe is read for at most OUTPUT_TURN bytes a turn, so that a flood in one
 * application keeps no other waiting (its own writes then wait).
 */
#ifndef APPPOOL_ENGINE_OUTPUT_H
#define APPPOOL_ENGINE_OUTPUT_H

#include "loop.h"

#include <stdbool.h>
#include <stddef.h>

#define OUTPUT_LINE_MAX 8000
#define OUTPUT_TURN     65536
#define OUTPUT_TAIL     16384 /* bytes of start-up output kept for an error */

/* A log that is full loses lines, and nobody waits: others may have filled the
 * disk. One that takes nothing just now (a slow piped logger, one that is being
 * replaced by a rotation) is asked again so often, and given up after so long.
 * Meanwhile nothing more is read: only this application waits, in its own
 * write(2). */
#define OUTPUT_RETRY_US    20000
#define OUTPUT_PATIENCE_US 10000000

struct output;

/* LATER: it could not be written, give it again. */
enum output_fate { OUTPUT_TAKEN, OUTPUT_LATER, OUTPUT_LOST };

/* line: without its newline, not NUL-terminated, valid during the call. */
typedef enum output_fate output_line_fn(void *baton, const char *line,
                                        size_t len);

/* n lines were given up. */
typedef void output_lost_fn(void *baton, unsigned n);

/* Read fd (taken over) from now on. */
struct output *output_open(struct loop *loop, int fd, output_line_fn *line,
                           output_lost_fn *lost, void *baton);

/* Read what is there now; for when the writer has ended. NULL is fine. */
void output_drain(struct output *output);

/* The last OUTPUT_TAIL bytes printed, until output_forget(); "" for NULL. */
const char *output_tail(struct output *output);

/* Keep a tail again, of what comes from now on. NULL is fine. */
void output_remember(struct output *output);

/* Keep no tail from now on: the start was a success. NULL is fine. */
void output_forget(struct output *output);

/* An unfinished line is given out. NULL inside is fine. */
void output_close(struct output **output);

#endif
