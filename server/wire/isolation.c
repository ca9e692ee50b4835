/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolation.c - see isolation.h. For the configuration and apppool-spawn alike.
 */
#include "isolation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX PATH_MAX

static bool is_flag(struct isolation *to, const char *word)
{
    const struct { const char *name; bool *flag; } flags[] = {
        { "tmp", &to->tmp }, { "ipc", &to->ipc }, { "files", &to->files },
        { "signals", &to->signals },
    };

    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        if (strcmp(word, flags[i].name) == 0) {
            *flags[i].flag = true;
            return true;
        }
    }
    return false;
}

static bool read_number(const char *text, uint32_t most, uint32_t *number_r)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || number == 0 ||
        number > most) {
        return false;
    }
    *number_r = (uint32_t)number;
    return true;
}

/* The value of name=value; NULL: another name. */
static const char *value_of(const char *word, const char *name)
{
    size_t len = strlen(name);

    return strncmp(word, name, len) == 0 && word[len] == '='
               ? word + len + 1 : NULL;
}

/* 1: it was one and is right; -1: and is not, said in why; 0: it was none. */
static int take_limit(struct isolation *to, const char *word, char *why,
                      size_t size)
{
    const struct {
        const char *name, *unit;
        uint32_t most, *number;
    } limits[] = {
        { "memory", "MiB", 1048576, &to->memory_mib },
        { "cpu", "percent of one CPU", 100000, &to->cpu_percent },
        { "pids", "processes and threads", 4194304, &to->pids },
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
        const char *value = value_of(word, limits[i].name);

        if (value != NULL &&
            !read_number(value, limits[i].most, limits[i].number)) {
            snprintf(why, size, "%s takes a whole number of %s from 1 to %lu,"
                     " not '%s'", limits[i].name, limits[i].unit,
                     (unsigned long)limits[i].most, value);
            return -1;
        }
        if (value != NULL) {
            return 1;
        }
    }
    return 0;
}

static bool take_word(struct isolation *to, const char *word, char *why,
                      size_t size)
{
    const char *folder = value_of(word, "cgroup");
    int rc;

    if (is_flag(to, word)) {
        return true;
    }
    if (folder != NULL) {
        snprintf(to->cgroup, sizeof(to->cgroup), "%s", folder);
        if (folder[0] != '/') {
            snprintf(why, size, "cgroup takes the absolute path of a folder,"
                     " not '%s'", folder);
        }
        return folder[0] == '/';
    }
    rc = take_limit(to, word, why, size);
    if (rc == 0) {
        snprintf(why, size, "'%s' is none of tmp, ipc, files, signals,"
                 " memory=MIB, cpu=PERCENT, pids=NUMBER and cgroup=FOLDER",
                 word);
    }
    return rc == 1;
}

static bool is_complete(const struct isolation *isolation, char *why,
                        size_t size)
{
    bool limited = isolation->memory_mib != 0 || isolation->cpu_percent != 0 ||
                   isolation->pids != 0;

    if (limited && isolation->cgroup[0] == '\0') {
        snprintf(why, size, "memory, cpu and pids need cgroup=FOLDER: where"
                 " a group for the application is made");
    } else if (!limited && isolation->cgroup[0] != '\0') {
        snprintf(why, size, "cgroup alone limits nothing; add memory, cpu or"
                 " pids");
    } else {
        return true;
    }
    return false;
}

bool isolation_parse(const char *words, struct isolation *isolation_r,
                     char *why, size_t size)
{
    char word[WORD_MAX];

    *isolation_r = (struct isolation){ .tmp = false };
    while (*words != '\0') {
        size_t len = strcspn(words, " ");

        if (len >= sizeof(word)) {
            snprintf(why, size, "a word of %zu bytes is too long", len);
            return false;
        }
        memcpy(word, words, len);
        word[len] = '\0';
        if (!take_word(isolation_r, word, why, size)) {
            return false;
        }
        words += len;
        words += *words == ' ' ? 1 : 0;
    }
    return is_complete(isolation_r, why, size);
}
