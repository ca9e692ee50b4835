/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.c - libFuzzer's entry, for the protocol that FUZZED names.
 */
#include <apr_general.h>

#include "reader.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    apr_initialize();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader_try(&FUZZED, data, size);
    return 0;
}
