/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upgrade.h - when the executable has changed on disk, the master becomes the
 * new one in place: pid, children and descriptors stay, the engine is replaced
 * as after a crash.
 *
 * Looked at when the httpd parent asks to be configured, at a graceful that
 * is. The new executable is first run beside us, to say whether it understands
 * our state (--selftest); one that does not within 5 s is left alone.
 */
#ifndef APPPOOL_MASTER_UPGRADE_H
#define APPPOOL_MASTER_UPGRADE_H

#include "master.h"

/* Remember what we are made of. */
void upgrade_init(struct master *m);

/*
 * Is there something newer? Then true, and config_open_for_parent() is called
 * once it is decided: by this image or by the next.
 */
bool upgrade_begin(struct master *m);

/* Was it the one that tries the new executable (reaped already)? */
bool upgrade_reaped(struct master *m, pid_t pid, int status);

void upgrade_end(struct master *m);

/* In the next image: everything from the state, all descriptors in hand.
 * 0 or -errno; what was wrong is in the log. */
int upgrade_resume(struct master *m);

/* --selftest: can this executable take over? The exit status. */
int upgrade_selftest(const struct master_options *options);

#endif
