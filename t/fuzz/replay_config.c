/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_config.c - the seeds of configurations, within httpd, in the place
 * of its main(); test_config_replay.c lets it be there.
 */
#include "config_reader.h"
#include "instead.h"
#include "replay.h"

static void try(const void *baton, const uint8_t *data, size_t size)
{
    (void)baton;
    config_reader_try(data, size);
}

int instead_of_main(int argc, char **argv, char **environment)
{
    unsigned n;

    (void)argc;
    (void)argv;
    (void)environment;
    config_reader_begin();
    n = replay_folder("config", try, NULL);
    return replay_end(n, n == 0);
}
