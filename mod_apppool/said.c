/* SPDX-License-Identifier: Apache-2.0 */
/*
 * said.c - see said.h.
 */
#include "said.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

bool said_adds(const char *directive)
{
    static const char *const names[] = {"PoolSetEnv", "PoolAllowRoots",
                                        "PoolBaseURI"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(names[i], directive) == 0) {
            return true;
        }
    }
    return false;
}

/* Of those that add, the first word says what it is about. */
static bool is_same(const struct said *a, const struct said *b)
{
    size_t len = strcspn(a->args, " \t");

    return strcmp(a->directive, b->directive) == 0 &&
           (!said_adds(a->directive) ||
            (strncmp(a->args, b->args, len) == 0 &&
             strcspn(b->args, " \t") == len));
}

static void put(apr_array_header_t *list, const struct said *said)
{
    int i;

    for (i = 0; i < list->nelts; i++) {
        if (is_same(&APR_ARRAY_IDX(list, i, struct said), said)) {
            APR_ARRAY_IDX(list, i, struct said) = *said;
            return;
        }
    }
    APR_ARRAY_PUSH(list, struct said) = *said;
}

void said_note(cmd_parms *cmd, apr_array_header_t **list)
{
    struct said said = {.directive = cmd->cmd->name};

    if (cmd->directive == NULL || cmd->pool != cmd->server->process->pconf) {
        return; /* .htaccess */
    }
    said.args = cmd->directive->args;
    said.file = cmd->directive->filename;
    said.line = cmd->directive->line_num;
    said.server = cmd->path == NULL ? cmd->server : NULL;
    if (*list == NULL) {
        *list = apr_array_make(cmd->pool, 4, sizeof(struct said));
    }
    put(*list, &said);
}

apr_array_header_t *said_merge(apr_pool_t *p, apr_array_header_t *base,
                               apr_array_header_t *add)
{
    apr_array_header_t *merged;
    int i;

    if (base == NULL || add == NULL) {
        return base ? base : add;
    }
    merged = apr_array_copy(p, base);
    for (i = 0; i < add->nelts; i++) {
        put(merged, &APR_ARRAY_IDX(add, i, struct said));
    }
    return merged;
}

const struct said *said_find(const apr_array_header_t *list,
                             const char *directive)
{
    int i;

    for (i = 0; list != NULL && i < list->nelts; i++) {
        const struct said *said = &APR_ARRAY_IDX(list, i, struct said);

        if (strcmp(said->directive, directive) == 0) {
            return said;
        }
    }
    return NULL;
}

const char *said_where(apr_pool_t *p, const apr_array_header_t *list,
                       const char *directive)
{
    const struct said *said = said_find(list, directive);

    return said ? apr_psprintf(p, "%s:%d: ", said->file, said->line) : "";
}
