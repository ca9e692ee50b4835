/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.h - notices that httpd has read its configuration anew and that this
 * module is not in it any more.
 *
 * A module that is no longer loaded can say nothing. So at a graceful the
 * parent takes the write end of a pipe, which httpd itself closes as soon as
 * the configuration has been read; right after that the new one is sent. Where
 * none comes, the server ends.
 */
#ifndef APPPOOL_MASTER_RELOAD_H
#define APPPOOL_MASTER_RELOAD_H

#include "master.h"

/* The parent is about to read its configuration; answer passes the pipe's end
 * (borrowed). 0 or -errno. */
int reload_begin(struct master *m, int (*answer)(void *baton, int channel),
                 void *baton);

/* A configuration has come, or the master ends. */
void reload_end(struct master *m);

#endif
