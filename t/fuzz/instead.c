/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instead.c - see instead.h.
 */
#include "instead.h"

#include <dlfcn.h>

typedef int main_fn(int argc, char **argv, char **environment);
typedef int start_fn(main_fn *main, int argc, char **argv, void (*init)(void),
                     void (*fini)(void), void (*loader_fini)(void),
                     void *stack_end);

start_fn __libc_start_main;

/* libc's, of which every program's start is one call. */
int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void),
                      void *stack_end)
{
    start_fn *real = (start_fn *)dlsym(RTLD_NEXT, "__libc_start_main");

    (void)main;
    return real(instead_of_main, argc, argv, init, fini, loader_fini,
                stack_end);
}
