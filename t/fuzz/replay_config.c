/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_config.c - the seeds of configurations, within httpd and before its
 * main(); test_config_replay.c lets it be there.
 */
#include <stdlib.h>

#include "config_reader.h"
#include "replay.h"

static void try(const void *baton, const uint8_t *data, size_t size)
{
    (void)baton;
    config_reader_try(data, size);
}

__attribute__((constructor)) static void run(void)
{
    unsigned n;

    config_reader_begin();
    n = replay_folder("config", try, NULL);
    exit(replay_end(n, n == 0));
}
