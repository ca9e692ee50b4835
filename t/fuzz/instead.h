/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instead.h - what a preloaded library runs in the place of a program's main().
 */
#ifndef APPPOOL_FUZZ_INSTEAD_H
#define APPPOOL_FUZZ_INSTEAD_H

/* Defined by who links instead.c. */
int instead_of_main(int argc, char **argv, char **environment);

#endif
