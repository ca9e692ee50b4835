/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mask.c - the environment as it may be shown: values of what is named like a
 * secret, and passwords in URLs, never leave this process.
 */
#include "spawn.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MASK "********"

static bool is_secret(const char *variable)
{
    static const char *const words[] = { "PASS", "SECRET", "TOKEN", "KEY",
                                         "CREDENTIAL", "AUTH", "PRIVATE",
                                         "SALT", "DSN", "COOKIE", "PWD" };
    size_t len = strcspn(variable, "=");

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        size_t n = strlen(words[i]);

        for (size_t k = 0; k + n <= len; k++) {
            if (strncasecmp(variable + k, words[i], n) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Of "scheme://user:password@host" where the password begins and ends. */
static const char *find_password(const char *value, const char **end_r)
{
    const char *scheme = strstr(value, "://");
    const char *at = scheme != NULL ? strchr(scheme + 3, '@') : NULL;
    const char *colon = at != NULL
                            ? memchr(scheme + 3, ':',
                                     (size_t)(at - scheme - 3)) : NULL;

    *end_r = at;
    return colon != NULL ? colon + 1 : NULL;
}

int mask_variable(char *to, size_t size, const char *variable)
{
    size_t name_len = strcspn(variable, "=");
    const char *end;
    const char *password = find_password(variable, &end);

    if (is_secret(variable)) {
        return snprintf(to, size, "%.*s=" MASK, (int)name_len, variable);
    }
    if (password != NULL) {
        return snprintf(to, size, "%.*s" MASK "%s",
                        (int)(password - variable), variable, end);
    }
    return snprintf(to, size, "%s", variable);
}
