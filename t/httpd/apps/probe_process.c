/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_process.c - actions that take time, fail, or tell of the process.
 */
#define _GNU_SOURCE
#include "probe.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void do_pid(char **arg)
{
    (void)arg;
    plain_number(getpid());
}

static void do_sleep(char **arg)
{
    pause_for(arg[0]);
    do_pid(arg);
}

static void do_hold(char **arg)
{
    char name[256];

    snprintf(name, sizeof name, "%s.waits.%ld.%ld", arg[0], (long)getpid(),
             (long)clock());
    fclose(fopen(name, "w"));
    while (access(arg[0], F_OK) != 0) {
        usleep(10000);
    }
    do_pid(arg);
}

static void do_eat(char **arg)
{
    size_t size = strtoul(arg[0], NULL, 10) << 20;

    memset(malloc(size), 'x', size);
    do_pid(arg);
}

static void do_gone(char **arg)
{
    (void)arg;
    _exit(7);
}

static void do_late_gone(char **arg)
{
    header("text/plain");
    xs(100000);
    pause_for("0.1");
    do_gone(arg);
}

static void do_killed(char **arg)
{
    (void)arg;
    kill(getpid(), SIGKILL);
}

static void do_gone_once(char **arg)
{
    FILE *file = fopen(arg[0], "a+");

    fputs("asked\n", file);
    if (ftell(file) == 6) {
        fflush(file);
        _exit(7);
    }
    plain_number(ftell(file) / 6);
    fclose(file);
}

static void do_fork(char **arg)
{
    pid_t child = fork();

    (void)arg;
    if (child == 0) {
        signal(SIGHUP, SIG_IGN);
        sleep(600);
        _exit(0);
    }
    plain_number(child);
}

static void do_say(char **arg)
{
    (void)arg;
    dprintf(STDOUT_FILENO, "said on stdout\n");
    dprintf(STDERR_FILENO, "said on stderr\n");
    FCGX_FPrintF(request.err, "said on fastcgi.errors\n");
    plain_text("said");
}

static int compare_ids(const void *a, const void *b)
{
    return (int)*(const gid_t *)a - (int)*(const gid_t *)b;
}

static json_t *groups(void)
{
    gid_t ids[64];
    int n = getgroups(64, ids);
    json_t *list = json_array();

    qsort(ids, (size_t)n, sizeof *ids, compare_ids);
    for (int i = 0; i < n; i++) {
        json_array_append_new(list, json_integer(ids[i]));
    }
    return list;
}

static void do_inside(char **arg)
{
    uid_t u[3];
    gid_t g[3];
    mode_t mask = umask(0);
    char *folder = getcwd(NULL, 0), input[256] = "";

    (void)arg;
    umask(mask);
    getresuid(&u[0], &u[1], &u[2]);
    getresgid(&g[0], &g[1], &g[2]);
    readlink("/proc/self/fd/0", input, sizeof input - 1);
    as_json(json_pack("{s:i,s:i,s:i,s:i,s:[i,i,i],s:[i,i,i],s:o,s:s,s:i,s:[s],"
                      "s:o,s:s}", "pid", getpid(), "ppid", getppid(), "sid",
                      getsid(0), "pgid", getpgid(0), "uids", u[0], u[1], u[2],
                      "gids", g[0], g[1], g[2], "groups", groups(), "cwd",
                      folder, "umask", mask, "argv", "probe", "environ",
                      json_of_pairs(environ), "stdin", input));
    free(folder);
}

const struct action process_actions[] = {
    { "pid", do_pid }, { "sleep", do_sleep }, { "hold", do_hold },
    { "eat", do_eat }, { "gone", do_gone }, { "late-gone", do_late_gone },
    { "killed", do_killed }, { "gone-once", do_gone_once }, { "fork", do_fork },
    { "say", do_say }, { "inside", do_inside }, { NULL, NULL },
};
