/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher.h - the process that looks at applications' files and memory.
 *
 * It may hang on a file system; nobody waits for it. As root it keeps only
 * CAP_DAC_READ_SEARCH. It opens nothing of an application's for reading
 * (O_PATH), nor can it (confine.h), and follows no link in a last component.
 */
#ifndef APPPOOL_WATCHER_H
#define APPPOOL_WATCHER_H

/* Run as the watcher; fd 3 is the socket to the master. Returns the exit status
 * when the master is gone. */
int watcher_main(void);

#endif
