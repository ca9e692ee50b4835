/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sticky.c - see sticky.h.
 */
#include "sticky.h"

#include <stdlib.h>
#include <sys/random.h>

uint64_t sticky_random(void)
{
    uint64_t number = 0;

    while ((uint32_t)number == 0) {
        if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
            abort(); /* getrandom(2): never short, once it is initialised */
        }
    }
    return number;
}

static uint64_t random_id(const struct engine *engine)
{
    uint64_t id = sticky_random();

    while (apr_hash_get(engine->sticky_ids, &id, sizeof id) != NULL) {
        id = sticky_random();
    }
    return id;
}

void sticky_set(struct running *running, uint64_t id)
{
    struct engine *engine = running->engine;

    running->sticky = id != 0 ? id : random_id(engine);
    apr_hash_set(engine->sticky_ids, &running->sticky, sizeof running->sticky,
                 running);
}

void sticky_forget(struct running *running)
{
    if (running->sticky != 0) {
        apr_hash_set(running->engine->sticky_ids, &running->sticky,
                     sizeof running->sticky, NULL);
    }
}

struct running *sticky_find(const struct definition *definition, uint64_t id)
{
    struct running *running =
        apr_hash_get(definition->engine->sticky_ids, &id, sizeof id);

    return running != NULL && running->core != NULL &&
                   running->definition == definition
               ? running
               : NULL;
}
