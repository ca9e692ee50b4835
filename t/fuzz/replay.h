/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.h - a fuzzer's seeds, as they are and mutated.
 */
#ifndef APPPOOL_FUZZ_REPLAY_H
#define APPPOOL_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

typedef void replay_fn(const void *baton, const uint8_t *data, size_t size);

/*
 * Try each file of `folder`, a name within corpus/, and MUTATIONS of it. A seed
 * that breaks a promise ends the program with its name as the last line.
 * Returns how many there are.
 */
unsigned replay_folder(const char *folder, replay_fn *try, const void *baton);

/* Print the counts and return main()'s status. No seed is a failure. */
int replay_end(unsigned passed, unsigned failed);

#endif
