/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_replay.c - the seeds of the responses' readers (make check).
 */
#include "reader.h"
#include "replay.h"

#include <apr_general.h>

static void try(const void *protocol, const uint8_t *data, size_t size)
{
    reader_try(protocol, data, size);
}

int main(void)
{
    const struct protocol *const all[] = {&protocol_http, &protocol_scgi,
                                          &protocol_fastcgi};
    unsigned passed = 0, failed = 0;
    size_t i;

    apr_initialize();
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        unsigned n = replay_folder(all[i]->name, try, all[i]);

        passed += n;
        failed += n == 0; /* its seeds are not there */
    }
    apr_terminate();
    return replay_end(passed, failed);
}
