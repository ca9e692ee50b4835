/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.c - see metrics.h.
 */
#include "metrics.h"

#include "board.h"
#include "lease.h"
#include "link.h"
#include "running.h"
#include "slot.h"

/* Times -------------------------------------------------------------------- */

static const struct slot_note *note_of(const struct slot *slot)
{
    return board_note(slot->client->board, slot->line);
}

void metrics_begin(struct slot *slot)
{
    times_see(&slot->seen_times.queue, &note_of(slot)->queue);
    times_see(&slot->seen_times.work, &note_of(slot)->work);
}

void metrics_collect(struct slot *slot)
{
    struct metrics *metrics = &slot->running->definition->metrics;

    times_collect(&metrics->queue, &slot->seen_times.queue,
                  &note_of(slot)->queue);
    times_collect(&metrics->work, &slot->seen_times.work,
                  &note_of(slot)->work);
}

void metrics_collect_all(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->processes);
         i != NULL; i = apr_hash_next(i)) {
        struct running *running = apr_hash_this_val(i);
        struct slot *slot;

        LIST_FOREACH(slot, &running->slots, next) {
            metrics_collect(slot);
        }
    }
}

void metrics_spawned(struct running *running)
{
    struct core_process_view view;

    core_process_view(running->core, &view);
    times_add(&running->definition->metrics.spawn,
              engine_now(running->engine) - view.started_us);
}

/* Memory and processor ----------------------------------------------------- */

static bool is_due(const struct running *running, int64_t now_us,
                   int64_t max_age_us)
{
    bool has_limit = running->definition->limits.memory_mib != 0 &&
                     running->ready && !running->preloader;

    return running->pid != 0 &&
           (has_limit || running->usage.asked_us == 0 ||
            now_us - running->usage.asked_us >= max_age_us);
}

void metrics_measure(struct engine *engine, int64_t max_age_us)
{
    int64_t now = engine_now(engine);

    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->processes);
         i != NULL; i = apr_hash_next(i)) {
        struct running *running = apr_hash_this_val(i);

        if (is_due(running, now, max_age_us)) {
            running->usage.asked_us = now;
            link_measure(engine, running->number);
        }
    }
}

static void take_cpu(struct usage *usage, int64_t now_us, uint64_t cpu_us)
{
    int64_t passed = now_us - usage->measured_us;

    if (usage->measured_us != 0 && passed > 0 && cpu_us >= usage->cpu_us) {
        usage->cpu_percent = 100.0 * (double)(cpu_us - usage->cpu_us) /
                             (double)passed;
    }
    usage->cpu_us = cpu_us;
    usage->measured_us = now_us;
}

/* Once a process; it may be measured again until its successor is up. */
static void note_size(struct running *running, uint32_t mib)
{
    uint32_t limit = running->definition->limits.memory_mib;

    if (limit != 0 && mib > limit && !running->is_too_large) {
        running->is_too_large = true;
        running_log(running, LOG_LEVEL_NOTICE, "takes %u MiB, PoolMemoryLimit"
                    " is %u: it is replaced", mib, limit);
    }
}

void metrics_on_measured(struct engine *engine, struct wire_message *m)
{
    struct running *running =
        running_find(engine, wire_get_u32(m, FIELD_PROCESS, 0));

    if (running == NULL) {
        return;
    }
    running->usage.pss_kib = wire_get_u32(m, FIELD_NUMBER, 0);
    running->usage.private_kib = wire_get_u32(m, FIELD_PRIVATE_KIB, 0);
    take_cpu(&running->usage, engine_now(engine),
             wire_get_u64(m, FIELD_CPU_US, 0));
    if (running->core != NULL && running->ready && !running->preloader) {
        note_size(running, running->usage.pss_kib / 1024);
        core_process_memory(running->core, running->usage.pss_kib / 1024,
                            engine_now(engine));
        lease_recall(engine); /* not rolling: it leaves at once */
    }
}
