/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_config.c - libFuzzer within httpd, in the place of its main().
 */
#include <stdlib.h>

#include "config_reader.h"
#include "instead.h"

int LLVMFuzzerRunDriver(int *argc, char ***argv,
                        int (*try)(const uint8_t *data, size_t size));

static int try(const uint8_t *data, size_t size)
{
    config_reader_try(data, size);
    return 0;
}

int instead_of_main(int argc, char **argv, char **environment)
{
    (void)environment;
    unsetenv("LD_PRELOAD"); /* programs that it starts are no httpd */
    config_reader_begin();
    return LLVMFuzzerRunDriver(&argc, &argv, try);
}
