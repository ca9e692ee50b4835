/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FastCGI application in C that most tests ask: the first segment of
 * PATH_INFO says what to do, see ../README. One request at a time, by libfcgi.
 * Its parts, probe_*.c, are compiled with it.
 */
#define _GNU_SOURCE
#include "probe.h"

#include <stdlib.h>
#include <string.h>

static void do_actions(char **arg);

static const struct action own_actions[] = {
    { "actions", do_actions }, { NULL, NULL },
};

static const struct action *const tables[] = {
    own_actions, body_actions, response_actions, process_actions, NULL,
};

static void do_actions(char **arg)
{
    json_t *names = json_array();

    (void)arg;
    for (size_t t = 0; tables[t] != NULL; t++) {
        for (const struct action *a = tables[t]; a->name != NULL; a++) {
            json_array_append_new(names, json_string(a->name));
        }
    }
    as_json(names);
}

/* What no action is called is answered as "env". */
static const struct action *find_action(const char *name)
{
    for (size_t t = 0; tables[t] != NULL; t++) {
        for (const struct action *a = tables[t]; a->name != NULL; a++) {
            if (strcmp(name, a->name) == 0) {
                return a;
            }
        }
    }
    return find_action("env");
}

static void answer(void)
{
    char *path = strdup(variable("PATH_INFO"));
    char *rest = path + 1, *arg[8] = { "", "", "", "", "", "", "", "" };
    const char *name = strsep(&rest, "/");

    for (size_t i = 0; i < 4 && rest != NULL; i++) {
        arg[i] = strsep(&rest, "/");
    }
    find_action(name)->run(arg);
    free(path);
}

int main(void)
{
    FCGX_Init();
    FCGX_InitRequest(&request, 0, 0);
    while (FCGX_Accept_r(&request) == 0) {
        answer();
        FCGX_Finish_r(&request);
    }
    return 0;
}
