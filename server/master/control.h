/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - PoolControlSocket: a way in for apppoolctl where the kernel
 * refuses to duplicate the master's descriptor (containers without
 * CAP_SYS_PTRACE, yama).
 *
 * A listening socket of mode 0600 in a folder that nobody else may write. Who
 * connects must be uid 0 or our own, by the kernel's word, and then asks as at
 * any gate: one byte, one descriptor.
 */
#ifndef APPPOOL_MASTER_CONTROL_H
#define APPPOOL_MASTER_CONTROL_H

#include "master.h"

/*
 * Listen at `path` from now on (NULL: nowhere), in place of where it was
 * before. What is in the way is logged and the server goes on without.
 */
void control_listen(struct master *m, const char *path);

#endif
