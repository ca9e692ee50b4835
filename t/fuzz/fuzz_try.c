/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_try.c - libFuzzer's entry, for the reader that TRY names.
 */
#include <apr_general.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void TRY(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    apr_initialize();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TRY(data, size);
    return 0;
}
