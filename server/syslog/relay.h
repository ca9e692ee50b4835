/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.h - lines on their way to syslog.
 *
 * Where ErrorLog is syslog httpd has no descriptor for the pool server to write
 * to. So httpd starts this, like any piped logger: it reads lines, which may be
 * up to 16 KiB long, and hands each to syslog(3), which finds a new syslogd by
 * itself. It ends with the last writer.
 */
#ifndef APPPOOL_SYSLOG_RELAY_H
#define APPPOOL_SYSLOG_RELAY_H

/*
 * target: as ErrorLog has it, syslog[:FACILITY[:TAG]]. tag: where it names
 * none. Returns the exit status: 1 where the facility is unknown.
 */
int relay_main(const char *target, const char *tag);

#endif
