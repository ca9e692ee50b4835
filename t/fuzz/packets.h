/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packets.h - packets of any bytes with any number of descriptors.
 */
#ifndef APPPOOL_FUZZ_PACKETS_H
#define APPPOOL_FUZZ_PACKETS_H

#include <stddef.h>

/* Copies of standard input go with it, as many as the kernel takes. Without
 * waiting: it may be lost. */
void packets_send(int fd, const char *bytes, size_t len, unsigned n_fds);

/* How many this process has open. */
unsigned packets_count_descriptors(void);

#endif
