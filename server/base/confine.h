/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.h - the engine gives away what it does not need.
 *
 * It reads what httpd's children and applications wrote, so it is the part that
 * could be taken over. It needs its descriptors and memory, and nothing else:
 * no file, no program, no other process.
 */
#ifndef APPPOOL_CONFINE_H
#define APPPOOL_CONFINE_H

/*
 * Once, when everything that needs a file has been done: an empty folder
 * becomes the root (where we were given CAP_SYS_CHROOT), all capabilities go,
 * no core dump, and only the system calls of a list are left; programs cannot
 * be executed. What the kernel refuses is logged, and the engine goes on with
 * the rest. Nothing happens in a build with sanitizers, whose run time needs
 * more.
 */
void confine(void);

/* confine_calls.c: the system calls. 0 or a negative errno value. */
int confine_calls(void);

#endif
