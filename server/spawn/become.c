/* SPDX-License-Identifier: Apache-2.0 */
/*
 * become.c - the change of user, and what else makes the process its own.
 *
 * Groups, then gid, then uid: each takes away the right to do the one before
 * (setgroups(2)). A failure is the end: going on would be as the wrong user.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNSET (~UINT64_C(0))

static void limit(const struct spawn *spawn, int resource, const char *name,
                  const uint64_t wanted[2])
{
    struct rlimit now;

    if ((wanted[0] == UNSET && wanted[1] == UNSET) ||
        getrlimit((__rlimit_resource_t)resource, &now) < 0) {
        return;
    }
    if (wanted[1] != UNSET) {
        now.rlim_max = wanted[1];
    }
    if (wanted[0] != UNSET) {
        now.rlim_cur = wanted[0];
    }
    if (now.rlim_cur > now.rlim_max) {
        now.rlim_cur = now.rlim_max;
    }
    if (setrlimit((__rlimit_resource_t)resource, &now) < 0) {
        spawn_fail(spawn, "%s cannot be applied: %s.", name, strerror(errno));
    }
}

static void apply_limits(const struct spawn *spawn)
{
    struct wire_rlimits limits;
    struct rlimit nofile;
    size_t len;
    const char *bytes = wire_get_text(&spawn->define, FIELD_RLIMITS, &len);

    if (bytes != NULL && len == sizeof(limits)) {
        memcpy(&limits, bytes, sizeof(limits));
        limit(spawn, RLIMIT_CPU, "RLimitCPU", limits.cpu);
        limit(spawn, RLIMIT_AS, "RLimitMEM", limits.mem);
        limit(spawn, RLIMIT_NPROC, "RLimitNPROC", limits.nproc);
    }
    if (spawn->options.nofile > 0 && getrlimit(RLIMIT_NOFILE, &nofile) == 0) {
        nofile.rlim_cur = spawn->options.nofile;
        setrlimit(RLIMIT_NOFILE, &nofile); /* only lowers: cannot fail */
    }
}

static void restore_oom_score(const struct spawn *spawn)
{
    FILE *file = fopen("/proc/self/oom_score_adj", "we");

    if (file != NULL) {
        fprintf(file, "%d", spawn->options.oom_score_adj);
        fclose(file);
    }
}

static _Noreturn void fail_become(const struct spawn *spawn, const char *what)
{
    spawn_fail(spawn, "It cannot become user \"%s\" (%s): %s.", spawn->user,
               what, strerror(errno));
}

static void check_ids(const struct spawn *spawn)
{
    uid_t r, e, s;
    gid_t rg, eg, sg;

    if (getresuid(&r, &e, &s) < 0 || getresgid(&rg, &eg, &sg) < 0 ||
        r != spawn->uid || e != spawn->uid || s != spawn->uid ||
        rg != spawn->gid || eg != spawn->gid || sg != spawn->gid) {
        errno = EPERM;
        fail_become(spawn, "the ids are not what was asked for");
    }
    if (setuid(0) == 0 || seteuid(0) == 0) {
        errno = EPERM;
        fail_become(spawn, "there is a way back to root");
    }
}

static void change_user(const struct spawn *spawn)
{
    if (initgroups(spawn->user, spawn->gid) < 0) {
        fail_become(spawn, "initgroups");
    }
    if (setresgid(spawn->gid, spawn->gid, spawn->gid) < 0) {
        fail_become(spawn, "setresgid");
    }
    if (setresuid(spawn->uid, spawn->uid, spawn->uid) < 0) {
        fail_become(spawn, "setresuid");
    }
    check_ids(spawn);
}

static void reset_signals(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (int signal = 1; signal < NSIG; signal++) {
        sigaction(signal, &action, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The setting is lost with a change of user, so it comes after that; a master
 * that died before is noticed by its pid. */
static void die_with_master(const struct spawn *spawn)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (spawn->options.parent != 0 && getppid() != spawn->options.parent) {
        spawn_fail(spawn, "The pool server has ended meanwhile.");
    }
}

void become_user(const struct spawn *spawn)
{
    apply_limits(spawn);
    restore_oom_score(spawn);
    reset_signals();
    setsid(); /* refused where we lead a session already */
    umask(022);
    if (geteuid() == 0) {
        change_user(spawn);
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    die_with_master(spawn);
}
