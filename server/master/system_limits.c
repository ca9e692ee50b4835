/* SPDX-License-Identifier: Apache-2.0 */
/*
 * system_limits.c - see system_limits.h.
 */
#include "system_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define OOM_SCORE_ADJ (-500)

/* Numbers that Linux distributions leave to local use (below systemd's dynamic
 * users, from 61184 on, which are named while they exist). */
#define FIRST_UID 61184
#define N_UIDS    4000

#define NOBODY 65534 /* where there is no user of that name */

void limits_raise_nofile(struct master *m)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return;
    }
    m->nofile = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        log_warn("RLIMIT_NOFILE stays at %llu: %s",
                 (unsigned long long)m->nofile, strerror(errno));
    }
}

void limits_lower_oom_score(struct master *m)
{
    FILE *file = fopen("/proc/self/oom_score_adj", "r+e");

    if (file == NULL) {
        return;
    }
    if (fscanf(file, "%d", &m->oom_score_adj) != 1) {
        m->oom_score_adj = 0;
    }
    if (m->oom_score_adj > OOM_SCORE_ADJ) {
        rewind(file);
        fprintf(file, "%d", OOM_SCORE_ADJ); /* refused: all stays as it was */
    }
    fclose(file);
}

static bool has_capability(unsigned capability)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[2] = { 0 };

    syscall(SYS_capget, &header, data);
    return (data[0].effective & (1u << capability)) != 0;
}

#define NO_OOM    "without CAP_SYS_RESOURCE the pool server is not protected " \
                  "against the OOM killer"
#define NO_PTRACE "without CAP_SYS_PTRACE the memory of processes is RSS " \
                  "less shared, not PSS, and apppoolctl needs " \
                  "PoolControlSocket"

void limits_note_missing(struct master *m)
{
    bool oom = has_capability(CAP_SYS_RESOURCE);
    bool ptrace = has_capability(CAP_SYS_PTRACE);

    if (m->uid != 0 || (oom && ptrace)) {
        return; /* who is not root knows what he may not do */
    }
    m->missing = oom ? NO_PTRACE : ptrace ? NO_OOM : NO_OOM "; " NO_PTRACE;
    log_notice("%s; all else works", m->missing);
}

static void use_nobody(struct master *m)
{
    const struct passwd *nobody = getpwnam("nobody");

    m->engine_uid = nobody != NULL ? nobody->pw_uid : NOBODY;
    m->engine_gid = nobody != NULL ? nobody->pw_gid : NOBODY;
}

static bool use_named(struct master *m, const char *name)
{
    const struct passwd *user = getpwnam(name);

    if (user == NULL || user->pw_uid == 0) {
        return false;
    }
    m->engine_uid = user->pw_uid;
    m->engine_gid = user->pw_gid;
    return true;
}

/* In a user namespace only mapped numbers can be had (user_namespaces(7)). */
static bool is_mapped(const char *map, unsigned long id)
{
    unsigned long first, outside, count;
    FILE *file = fopen(map, "re");
    bool found = file == NULL;

    while (!found && fscanf(file, "%lu %lu %lu", &first, &outside, &count) ==
                         3) {
        found = id >= first && id - first < count;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

static bool is_free(unsigned id)
{
    return getpwuid(id) == NULL && getgrgid(id) == NULL &&
           is_mapped("/proc/self/uid_map", id) &&
           is_mapped("/proc/self/gid_map", id);
}

static bool use_number(struct master *m)
{
    unsigned at = (unsigned)getpid() % N_UIDS;

    for (unsigned i = 0; i < N_UIDS; i++) {
        unsigned id = FIRST_UID + (at + i) % N_UIDS;

        if (is_free(id)) {
            m->engine_uid = id;
            m->engine_gid = id;
            return true;
        }
    }
    return false;
}

void limits_choose_engine_user(struct master *m)
{
    const char *name = m->options.user;

    m->engine_uid = m->uid;
    m->engine_gid = getegid();
    if (m->uid != 0) {
        return;
    }
    if (name != NULL && strcmp(name, "auto") == 0) {
        if (!use_named(m, "apppool") && !use_number(m)) {
            log_warn("no user id is free for the pool server: it shares "
                     "nobody's; add a user named apppool");
            use_nobody(m);
        }
    } else if (name == NULL || *name == '\0' || !use_named(m, name)) {
        use_nobody(m);
    }
}

const char *limits_runtime_dir(const struct master *m)
{
    const char *folder = m->options.runtime_dir;

    if (folder == NULL && access("/run", W_OK | X_OK) == 0) {
        folder = "/run";
    }
    if (folder == NULL) {
        folder = getenv("TMPDIR");
    }
    return folder != NULL && *folder != '\0' ? folder : "/tmp";
}
