/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_try_replay.c - the seeds in FOLDER, for the reader that TRY names (make
 * check).
 */
#include <apr_general.h>

#include "replay.h"

void TRY(const uint8_t *data, size_t size);

static void try(const void *baton, const uint8_t *data, size_t size)
{
    (void)baton;
    TRY(data, size);
}

int main(void)
{
    unsigned n;

    apr_initialize();
    n = replay_folder(FOLDER, try, NULL);
    apr_terminate();
    return replay_end(n, n == 0);
}
