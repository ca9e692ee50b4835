/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - engine and watcher give away what they do not need.
 *
 * The engine reads what httpd's children and applications wrote, so it is the
 * part that could be taken over. It needs its descriptors and memory, and
 * nothing else: no file, no program, no other process. The watcher looks at
 * files that applications have made, and may do so everywhere; it opens none of
 * them for reading or writing.
 */
#ifndef APPPOOL_CONFINE_H
#define APPPOOL_CONFINE_H

enum confined { CONFINE_ENGINE, CONFINE_WATCHER };

/*
 * Once, when everything that needs a file has been done: an empty folder
 * becomes the engine's root (where we were given CAP_SYS_CHROOT), all of its
 * capabilities go (the watcher's but CAP_DAC_READ_SEARCH), no core dump, and
 * only the system calls of a list are left; programs cannot be executed. What
 * the kernel refuses is logged, and the rest is done. Nothing happens in a
 * build with sanitizers, whose run time needs more.
 */
void confine(enum confined who);

/* confine_calls.c: the system calls. 0 or a negative errno value. */
int confine_calls(enum confined who);

#endif
