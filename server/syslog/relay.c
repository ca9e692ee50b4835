/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.c - see relay.h.
 */
#define SYSLOG_NAMES
#include "relay.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <syslog.h>

#define LINE_MAX_BYTES 16384
#define MODULE "[apppool:"

/* httpd's default is local7; -1: no facility has this name. */
static int facility_of(const char *name, size_t len)
{
    if (len == 0) {
        return LOG_LOCAL7;
    }
    for (const CODE *code = facilitynames; code->c_name != NULL; code++) {
        if (strlen(code->c_name) == len &&
            strncasecmp(code->c_name, name, len) == 0) {
            return code->c_val;
        }
    }
    return -1;
}

/* Of "[time] [apppool:warn] [pid 1] ..."; what is none is a notice. */
static int priority_of(const char *line)
{
    const char *name = strstr(line, MODULE);
    size_t len;

    if (name == NULL) {
        return LOG_NOTICE;
    }
    name += strlen(MODULE);
    len = strcspn(name, "]");
    for (const CODE *code = prioritynames; code->c_name != NULL; code++) {
        if (strlen(code->c_name) == len &&
            strncmp(code->c_name, name, len) == 0) {
            return code->c_val;
        }
    }
    return strncmp(name, "trace", 5) == 0 ? LOG_DEBUG : LOG_NOTICE;
}

/* syslogd has a clock of its own: httpd leaves out the time, too. */
static const char *without_time(const char *line)
{
    const char *end = line[0] == '[' ? strstr(line, "] " MODULE) : NULL;

    return end != NULL ? end + 2 : line;
}

static void relay_lines(void)
{
    static char line[LINE_MAX_BYTES];

    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        syslog(priority_of(line), "%s", without_time(line));
    }
}

int relay_main(const char *target, const char *tag)
{
    const char *facility = target + strcspn(target, ":");
    size_t len;
    int number;

    facility += *facility == ':';
    len = strcspn(facility, ":");
    number = facility_of(facility, len);
    if (number < 0) {
        fprintf(stderr, "apppool-server: syslog has no facility '%.*s'\n",
                (int)len, facility);
        return 1;
    }
    if (facility[len] == ':' && facility[len + 1] != '\0') {
        tag = facility + len + 1;
    }
    prctl(PR_SET_NAME, "apppool-syslog");
    signal(SIGTERM, SIG_DFL);
    openlog(tag, LOG_NDELAY | LOG_PID, number);
    relay_lines();
    return 0;
}
