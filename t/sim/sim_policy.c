/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_policy.c - how long requests wait under one policy and another, before
 * anybody builds it.
 *
 *   sim_policy --long          the table in ARCHITECTURE, section 5
 *   sim_policy                 fewer requests; what make check runs
 *
 * A pool of some processes, requests at random (Poisson), work of 50 ms on
 * average: nine of ten take 20 ms, one takes 320 ms, both exponentially. A
 * process that did not work for a while is colder and takes up to 20 ms longer.
 * One that has been idle for 5 s ends, the next start takes 0.5 s. Load is that
 * of the whole pool. The policies here are sketches: the core that is built is
 * what sim_pool runs.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES 8
#define QUEUE 100        /* requests that may wait in all; PoolMaxQueueSize */
#define START_S 0.5
#define IDLE_S 5.0
#define WORK_S 0.05
#define COLD_S 0.02
#define COOLING_S 10.0
#define NEVER HUGE_VAL

enum queues { SHARED, SHORTEST, IN_TURN };
enum hand_out { WARMEST, LONGEST_IDLE };

struct policy {
    const char *name;
    enum queues queues;
    enum hand_out hand_out;
};

/* Times at which those who wait arrived, oldest first. */
struct line {
    double since[QUEUE];
    unsigned first, n;
};

struct process {
    bool alive;
    double until;      /* works, or starts, until then; NEVER: idle */
    double idle_since; /* or last worked */
    struct line line;  /* its own queue, or not used */
};

struct run {
    const struct policy *policy;
    uint64_t random;
    double now, next_arrival, gap;
    struct process processes[PROCESSES];
    struct line line;
    unsigned turn, n_waiting;
    double *waits;
    size_t n_waits, n_refused;
    double work, alive_time;
};

static double chance(struct run *run)
{
    run->random ^= run->random >> 12;
    run->random ^= run->random << 25;
    run->random ^= run->random >> 27;
    return ((double)((run->random * UINT64_C(0x2545f4914f6cdd1d)) >> 12) + 1) /
           4503599627370497.0;
}

static double exponential(struct run *run, double mean)
{
    return -log(chance(run)) * mean;
}

static double work_time(struct run *run, const struct process *process)
{
    double idle = run->now - process->idle_since;
    double work = exponential(run, chance(run) < 0.9 ? 0.02 : 0.32);

    return work + COLD_S * (1 - exp(-idle / COOLING_S));
}

static void push(struct run *run, struct line *line, double since)
{
    line->since[(line->first + line->n++) % QUEUE] = since;
    run->n_waiting++;
}

static double pop(struct run *run, struct line *line)
{
    double since = line->since[line->first];

    line->first = (line->first + 1) % QUEUE;
    line->n--;
    run->n_waiting--;
    return since;
}

static struct line *line_of(struct run *run, struct process *process)
{
    return run->policy->queues == SHARED ? &run->line : &process->line;
}

static void begin(struct run *run, struct process *process, double since)
{
    double work = work_time(run, process);

    run->waits[run->n_waits++] = run->now - since;
    run->work += work;
    process->until = run->now + work;
}

/* It is up, or has finished. */
static void come_free(struct run *run, struct process *process)
{
    struct line *line = line_of(run, process);

    process->until = NEVER;
    process->idle_since = run->now;
    if (line->n > 0) {
        begin(run, process, pop(run, line));
    }
}

static bool is_better(const struct run *run, const struct process *one,
                      const struct process *best)
{
    return run->policy->hand_out == WARMEST
               ? one->idle_since > best->idle_since
               : one->idle_since < best->idle_since;
}

static struct process *find_idle(struct run *run)
{
    struct process *best = NULL;

    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *process = &run->processes[i];

        if (process->alive && process->until == NEVER &&
            (best == NULL || is_better(run, process, best))) {
            best = process;
        }
    }
    return best;
}

static void start_one(struct run *run)
{
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *process = &run->processes[i];

        if (!process->alive) {
            process->alive = true;
            process->until = run->now + START_S;
            process->idle_since = run->now - 10 * COOLING_S;
            return;
        }
    }
}

/* Whose line a request joins where each process has its own. */
static struct process *find_line(struct run *run)
{
    struct process *best = NULL;

    for (unsigned i = 0; i < PROCESSES; i++) {
        unsigned at = (run->turn + i) % PROCESSES;
        struct process *process = &run->processes[at];

        if (!process->alive ||
            (best != NULL && run->policy->queues == IN_TURN)) {
            continue;
        }
        if (best == NULL || process->line.n < best->line.n) {
            best = process;
            run->turn = run->policy->queues == IN_TURN ? at + 1 : run->turn;
        }
    }
    return best;
}

/* process: whose line it is; NULL: everybody's. */
static void join(struct run *run, struct process *process)
{
    if (run->n_waiting >= QUEUE) {
        run->n_refused++;
    } else {
        push(run, process ? &process->line : &run->line, run->now);
    }
}

/* The process that a request goes to, busy or not; NULL: whichever comes free.
 * Where none is idle one more starts. */
static struct process *choose(struct run *run)
{
    struct process *idle = find_idle(run);

    if (idle == NULL) {
        start_one(run);
    }
    if (run->policy->queues == IN_TURN || (!idle &&
                                           run->policy->queues == SHORTEST)) {
        return find_line(run);
    }
    return idle;
}

static void arrive(struct run *run)
{
    struct process *process = choose(run);

    run->next_arrival = run->now + exponential(run, run->gap);
    if (process != NULL && process->until == NEVER) {
        begin(run, process, run->now);
    } else {
        join(run, process);
    }
}

static void end_idle(struct run *run)
{
    unsigned n = 0;

    for (unsigned i = 0; i < PROCESSES; i++) {
        n += run->processes[i].alive;
    }
    for (unsigned i = 0; i < PROCESSES && n > 1; i++) {
        struct process *process = &run->processes[i];

        if (process->alive && process->until == NEVER &&
            run->now - process->idle_since > IDLE_S) {
            process->alive = false;
            n--;
        }
    }
}

/* The next process that comes free, unless a request comes before. */
static struct process *next_free(struct run *run)
{
    struct process *first = NULL;

    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *process = &run->processes[i];

        if (process->until < (first ? first->until : run->next_arrival)) {
            first = process;
        }
    }
    return first;
}

static void step(struct run *run)
{
    struct process *process = next_free(run);
    double at = process ? process->until : run->next_arrival;

    for (unsigned i = 0; i < PROCESSES; i++) {
        run->alive_time += run->processes[i].alive ? at - run->now : 0;
    }
    run->now = at;
    if (process != NULL) {
        come_free(run, process);
    } else {
        arrive(run);
    }
    end_idle(run);
}

static int compare(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;

    return (one > other) - (one < other);
}

static void report(struct run *run, double load)
{
    size_t n = run->n_waits;

    qsort(run->waits, n, sizeof(*run->waits), compare);
    printf("%3.0f %%  %-32s %8.1f %8.1f %8.1f %8.1f %8.2f %8.1f %8.2f\n",
           load * 100, run->policy->name, run->waits[n / 2] * 1000,
           run->waits[n * 9 / 10] * 1000, run->waits[n * 99 / 100] * 1000,
           run->waits[n - 1] * 1000,
           100.0 * (double)run->n_refused / (double)(n + run->n_refused),
           run->work / (double)n * 1000, run->alive_time / run->now);
}

/* False: more was done than there is time for. */
static bool simulate(const struct policy *policy, double load, size_t n)
{
    struct run run = { .policy = policy, .random = 42,
                       .gap = WORK_S / PROCESSES / load,
                       .waits = calloc(n + 1, sizeof(double)) };
    bool is_possible;

    if (run.waits == NULL) {
        abort();
    }
    for (unsigned i = 0; i < PROCESSES; i++) {
        run.processes[i].until = NEVER;
    }
    while (run.n_waits < n) {
        step(&run);
    }
    report(&run, load);
    is_possible = run.work <= run.alive_time + PROCESSES &&
                  run.waits[0] >= 0;
    free(run.waits);
    return is_possible;
}

int main(int argc, char **argv)
{
    static const struct policy policies[] = {
        { "one queue, warmest first", SHARED, WARMEST },
        { "one queue, longest idle first", SHARED, LONGEST_IDLE },
        { "queue per process, shortest", SHORTEST, WARMEST },
        { "queue per process, in turn", IN_TURN, WARMEST },
    };
    static const double loads[] = { 0.1, 0.8, 0.95, 1.2 };
    size_t n = argc > 1 && strcmp(argv[1], "--long") == 0 ? 1000000 : 20000;
    unsigned passed = 0, failed = 0;

    printf("load   policy                           wait ms: 50 %%     90 %%"
           "     99 %%      max refused%%  work ms processes\n");
    for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        for (unsigned k = 0; k < sizeof(policies) / sizeof(policies[0]); k++) {
            bool is_right = simulate(&policies[k], loads[i], n);

            passed += is_right;
            failed += !is_right;
        }
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
