/* SPDX-License-Identifier: Apache-2.0 */
/*
 * landlock.c - Landlock (landlock(7)): what this process gives up by itself.
 *
 * Reading and executing stay as they are: what an interpreter reads is all over
 * the system. Whoever is in such a domain can also trace nobody outside of it.
 */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "socket.h"

/* Of interfaces newer than the headers of Debian 12. */
#define ACCESS_TRUNCATE (UINT64_C(1) << 14) /* from interface 3 on */
#define SCOPE_ABSTRACT_SOCKETS (UINT64_C(1) << 0)
#define SCOPE_SIGNALS (UINT64_C(1) << 1)
#define WITH_REFER 2
#define WITH_TRUNCATE 3
#define WITH_SCOPES 6

struct rules {
    uint64_t access_fs, access_net, scoped;
};

#define WRITES                                                                \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |          \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |          \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |              \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |            \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* Where everybody may write, as far as permissions go. */
static const char *const shared[] = { "/dev", "/proc", "/tmp", "/var/tmp" };

static long find_interface(const struct spawn *spawn)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
                           LANDLOCK_CREATE_RULESET_VERSION);

    if (version < 1) {
        spawn_fail(spawn, "PoolIsolation files and signals need Landlock, which"
                   " this kernel has not or has not switched on (lsm= in its"
                   " command line): %s.", strerror(errno));
    }
    if (spawn->isolation.signals && version < WITH_SCOPES) {
        spawn_fail(spawn, "PoolIsolation signals needs Linux 6.12 or newer.");
    }
    return version;
}

static int make_rules(const struct spawn *spawn, struct rules *rules)
{
    long version = find_interface(spawn);
    size_t size = version < WITH_SCOPES ? sizeof(rules->access_fs)
                                        : sizeof(*rules);

    *rules = (struct rules){ .access_fs = 0 };
    if (spawn->isolation.files) {
        rules->access_fs = WRITES |
            (version >= WITH_REFER ? LANDLOCK_ACCESS_FS_REFER : 0) |
            (version >= WITH_TRUNCATE ? ACCESS_TRUNCATE : 0);
    }
    if (spawn->isolation.signals) {
        rules->scoped = SCOPE_SIGNALS | SCOPE_ABSTRACT_SOCKETS;
    }
    return (int)syscall(SYS_landlock_create_ruleset, rules, size, 0);
}

static void allow_below(const struct spawn *spawn, int ruleset,
                        uint64_t access, int folder)
{
    struct landlock_path_beneath_attr rule = { .allowed_access = access,
                                               .parent_fd = folder };

    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
                &rule, 0) < 0) {
        spawn_fail(spawn, "PoolIsolation files: a rule is refused: %s.",
                   strerror(errno));
    }
}

static void allow_writes(const struct spawn *spawn, int ruleset,
                         uint64_t access)
{
    allow_below(spawn, ruleset, access, spawn->root_fd);
    for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++) {
        int folder = open(shared[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (folder >= 0) {
            allow_below(spawn, ruleset, access, folder);
            fd_close(&folder);
        }
    }
}

/* Whoever is not root may do it only where no program gives rights. */
static int restrict_self(int ruleset)
{
    if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -1;
    }
    return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

void landlock_enter(const struct spawn *spawn)
{
    struct rules rules;
    int ruleset;

    if (!spawn->isolation.files && !spawn->isolation.signals) {
        return;
    }
    ruleset = make_rules(spawn, &rules);
    if (ruleset >= 0 && spawn->isolation.files) {
        allow_writes(spawn, ruleset, rules.access_fs);
    }
    if (ruleset < 0 || restrict_self(ruleset) < 0) {
        spawn_fail(spawn, "PoolIsolation: Landlock refuses: %s.",
                   strerror(errno));
    }
    fd_close(&ruleset);
    report_step(spawn, "is confined by Landlock%s%s",
                spawn->isolation.files ? ", files" : "",
                spawn->isolation.signals ? ", signals" : "");
}
