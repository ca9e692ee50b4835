/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_config.c - libFuzzer within httpd, before its main().
 */
#include <stdlib.h>

#include "config_reader.h"

int LLVMFuzzerRunDriver(int *argc, char ***argv,
                        int (*try)(const uint8_t *data, size_t size));

static int try(const uint8_t *data, size_t size)
{
    config_reader_try(data, size);
    return 0;
}

__attribute__((constructor)) static void run(int argc, char **argv)
{
    unsetenv("LD_PRELOAD"); /* programs that it starts are no httpd */
    config_reader_begin();
    exit(LLVMFuzzerRunDriver(&argc, &argv, try));
}
