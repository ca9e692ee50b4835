/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user.c - as whom the application runs (DIRECTIVES, "As whom").
 *
 * What is not clear is an error, never another user.
 */
#include "spawn.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *copy(const char *text)
{
    char *own = strdup(text);

    if (own == NULL) {
        abort();
    }
    return own;
}

static void use(struct spawn *spawn, const struct passwd *user)
{
    spawn->uid = user->pw_uid;
    spawn->gid = user->pw_gid;
    spawn->user = copy(user->pw_name);
    spawn->home = copy(user->pw_dir);
    spawn->shell = copy(user->pw_shell[0] != '\0' ? user->pw_shell : "/bin/sh");
}

static void use_name(struct spawn *spawn, const char *name,
                     const char *directive)
{
    const struct passwd *user = getpwnam(name);

    if (user == NULL) {
        spawn_fail(spawn, "The user \"%s\" of %s is not known to the system.",
                   name, directive);
    }
    use(spawn, user);
}

static void use_lowest(struct spawn *spawn)
{
    const char *name = wire_get_text(&spawn->define, FIELD_LOWEST_USER, NULL);

    if (name == NULL) {
        name = wire_get_text(&spawn->rules, FIELD_LOWEST_USER, NULL);
    }
    use_name(spawn, name != NULL ? name : "nobody", "PoolLowestUser");
}

/* Not found, or not looked for to the end (getpwuid(3), nsswitch.conf(5)):
 * then the lowest user could be a wrong one. */
static bool is_no_answer(int error)
{
    return error == EAGAIN || error == EINTR || error == EIO ||
           error == EMFILE || error == ENFILE || error == ENOMEM ||
           error == ETIMEDOUT;
}

/* NULL: root, or nobody known. */
static const struct passwd *find_owner(const struct spawn *spawn)
{
    const struct passwd *owner = NULL;

    errno = 0;
    if (spawn->owner != 0) {
        owner = getpwuid(spawn->owner);
    }
    if (owner == NULL && is_no_answer(errno)) {
        spawn_fail(spawn, "The owner of %s (uid %u) cannot be looked up: %s.",
                   spawn->root, (unsigned)spawn->owner, strerror(errno));
    }
    return owner;
}

static void use_owner(struct spawn *spawn)
{
    const struct passwd *owner = find_owner(spawn);

    if (owner != NULL) {
        use(spawn, owner);
    } else {
        use_lowest(spawn);
    }
}

static void use_group(struct spawn *spawn, const char *name)
{
    const struct group *group = getgrnam(name);

    if (group == NULL) {
        spawn_fail(spawn, "The group \"%s\" of PoolGroup is not known to the "
                   "system.", name);
    }
    if (group->gr_gid == 0) {
        spawn_fail(spawn, "No application runs in the group of root "
                   "(PoolGroup %s).", name);
    }
    spawn->gid = group->gr_gid;
}

/* Not started as root: there is one user only. */
static void use_own(struct spawn *spawn)
{
    const struct passwd *own = getpwuid(getuid());
    struct passwd unnamed = { .pw_name = (char *)(uintptr_t) "unknown",
                              .pw_dir = (char *)(uintptr_t) "/",
                              .pw_shell = (char *)(uintptr_t) "/bin/sh" };

    use(spawn, own != NULL ? own : &unnamed);
    spawn->uid = getuid();
    spawn->gid = getgid();
}

static void check(const struct spawn *spawn)
{
    if (spawn->uid == 0) {
        spawn_fail(spawn, "%s would run as root, which no application does; "
                   "name another user with PoolUser or PoolLowestUser.",
                   spawn->root);
    }
    if (spawn->uid == spawn->options.engine_uid) {
        spawn_fail(spawn, "%s would run as \"%s\", the user of the pool server "
                   "itself; name another with PoolUser or PoolLowestUser, or "
                   "for the server with PoolServerUser.", spawn->root,
                   spawn->user);
    }
}

void user_choose(struct spawn *spawn)
{
    const char *user = wire_get_text(&spawn->define, FIELD_USER, NULL);
    const char *group = wire_get_text(&spawn->define, FIELD_GROUP, NULL);

    if (geteuid() != 0) {
        use_own(spawn);
        return;
    }
    if (wire_get_u32(&spawn->rules, FIELD_USER_SWITCHING, 1) == 0 ||
        wire_get_u32(&spawn->define, FIELD_LOWER, 1) == 0) {
        use_lowest(spawn);
    } else if (user != NULL) {
        use_name(spawn, user, "PoolUser");
    } else {
        use_owner(spawn);
    }
    if (group != NULL) {
        use_group(spawn, group);
    }
    check(spawn);
}
