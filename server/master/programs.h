/* SPDX-License-Identifier: Apache-2.0 */
/*
 * programs.h - what applications are started with: apppool-spawn and the
 * loaders beside it, as they are on disk.
 */
#ifndef APPPOOL_MASTER_PROGRAMS_H
#define APPPOOL_MASTER_PROGRAMS_H

#include <stdint.h>

/* A number that is another one as soon as any of these files is; never 0. */
uint64_t programs_signature(const char *spawn_server);

#endif
