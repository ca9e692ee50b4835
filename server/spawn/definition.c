/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definition.c - reads the two messages that say what is to be started.
 */
#include "spawn.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SIZE (2 * (WIRE_MAX_PAYLOAD + 64))

static size_t read_all(const struct spawn *spawn, char *to, size_t size)
{
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0 && len < size) {
        n = read(STDIN_FILENO, to + len, size - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n < 0) {
        spawn_fail(spawn, "The definition cannot be read: %s.",
                   strerror(errno));
    }
    return len;
}

static _Noreturn void refuse(const struct spawn *spawn, enum wire_type type,
                             const char *why)
{
    spawn_fail(spawn, "The definition's %s is not valid: %s.",
               wire_type_name(type), why);
}

static size_t load(const struct spawn *spawn, struct wire_message *m,
                   enum wire_type type, const char *bytes, size_t len)
{
    const char *why = "it is missing";
    ssize_t n;

    wire_message_init(m);
    n = wire_load(m, bytes, len, FROM_PARENT | FROM_MASTER, &why);
    if (n > 0 && wire_type(m) != type) {
        n = 0;
        why = "it is of another kind";
    }
    if (n <= 0) {
        refuse(spawn, type, why);
    }
    return (size_t)n;
}

void definition_read(struct spawn *spawn)
{
    static char bytes[MAX_SIZE];
    size_t len, used;

    len = read_all(spawn, bytes, MAX_SIZE);
    used = load(spawn, &spawn->rules, MSG_CONFIGURE, bytes, len);
    load(spawn, &spawn->define, MSG_DEFINE, bytes + used, len - used);
    if (wire_get_u32(&spawn->define, FIELD_TYPE, TYPE_AUTO) > TYPE_COMMAND) {
        refuse(spawn, MSG_DEFINE, "its type is unknown");
    }
}

bool definition_is_from_client(const struct spawn *spawn)
{
    return wire_get_u32(&spawn->rules, FIELD_GENERATION, 0) == 0 ||
           (wire_get_u32(&spawn->define, FIELD_FLAGS, 0) & DEFINE_DYNAMIC) != 0;
}
