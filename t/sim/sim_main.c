/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_main.c - runs simulations, each in a child process; makes one that fails
 * small and prints the command that repeats it.
 *
 *   sim_pool                      the short suite of make check
 *   sim_pool --seed N --apps N --max N --events N [--without FAULT]...
 *            [--trace] [--shrink]
 */
#include "sim.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const fault_names[] = {
#define FAULT_TEXT(name, text) text,
    SIM_FAULTS(FAULT_TEXT)
#undef FAULT_TEXT
};

static void print_command(const struct sim_options *options)
{
    unsigned fault;

    printf("sim_pool --seed %ju --apps %u --max %u --events %ju",
           (uintmax_t)options->seed, options->n_apps, options->max,
           (uintmax_t)options->n_events);
    for (fault = 0; fault < FAULT_COUNT; fault++) {
        if (!(options->faults >> fault & 1)) {
            printf(" --without %s", fault_names[fault]);
        }
    }
    putchar('\n');
}

static void print_result(const struct sim_result *result, double seconds)
{
    printf("  %ju events in %.2f s: %ju requests, %ju served, %ju refused, "
           "%ju left, %ju broken off\n"
           "  %ju processes, %ju engines lost; waiting: median %.3f s, 99 %% "
           "%.3f s, longest %.3f s\n",
           (uintmax_t)result->events, seconds, (uintmax_t)result->arrived,
           (uintmax_t)result->served, (uintmax_t)result->refused,
           (uintmax_t)result->cancelled, (uintmax_t)result->broken,
           (uintmax_t)result->started, (uintmax_t)result->engines,
           (double)result->wait_p50_us / (double)SIM_SECOND,
           (double)result->wait_p99_us / (double)SIM_SECOND,
           (double)result->wait_max_us / (double)SIM_SECOND);
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_in_child(const struct sim_options *options, bool quiet)
{
    struct sim_result result;
    double begin = seconds_now();
    int null;

    if (quiet) {
        null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(null, STDERR_FILENO);
        close(null);
    }
    sim_run(options, &result);
    if (!quiet) {
        print_result(&result, seconds_now() - begin);
        fflush(stdout);
    }
    _exit(0);
}

static bool succeeds(const struct sim_options *options, bool quiet)
{
    pid_t pid;
    int status;

    fflush(stdout);
    pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(2);
    }
    if (pid == 0) {
        run_in_child(options, quiet);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Keeps the change if it still fails. */
static bool try_smaller(struct sim_options *options, struct sim_options smaller)
{
    if (succeeds(&smaller, true)) {
        return false;
    }
    *options = smaller;
    return true;
}

static bool shrink_once(struct sim_options *options)
{
    struct sim_options smaller = *options;
    bool smaller_now = false;
    unsigned fault;

    for (fault = 0; fault < FAULT_COUNT; fault++) {
        smaller = *options;
        smaller.faults &= ~(UINT32_C(1) << fault);
        if (smaller.faults != options->faults) {
            smaller_now |= try_smaller(options, smaller);
        }
    }
    smaller = *options;
    smaller.n_apps = (options->n_apps + 1) / 2;
    smaller_now |= smaller.n_apps < options->n_apps
                   && try_smaller(options, smaller);
    smaller = *options;
    smaller.n_events = options->n_events / 2;
    smaller_now |= smaller.n_events && try_smaller(options, smaller);
    smaller = *options;
    smaller.max = (options->max + 1) / 2;
    smaller_now |= smaller.max < options->max && try_smaller(options, smaller);
    return smaller_now;
}

/* Another seed may fail sooner. */
static void shrink_seed(struct sim_options *options)
{
    struct sim_options other = *options;

    other.n_events = options->n_events / 2;
    for (other.seed = 1; other.seed <= 100 && other.n_events; other.seed++) {
        if (try_smaller(options, other)) {
            other.n_events /= 2;
            other.seed = 0;
        }
    }
}

static void shrink(struct sim_options options)
{
    while (shrink_once(&options)) {
    }
    shrink_seed(&options);
    while (shrink_once(&options)) {
    }
    printf("smallest that fails: ");
    print_command(&options);
    options.trace = true;
    succeeds(&options, false);
}

static int run_suite(void)
{
    static const struct sim_options suite[] = {
        {.seed = 1, .n_apps = 1, .max = 4, .n_events = 100000},
        {.seed = 2, .n_apps = 3, .max = 3, .n_events = 100000},
        {.seed = 3, .n_apps = 20, .max = 10, .n_events = 100000},
        {.seed = 4, .n_apps = 100, .max = 20, .n_events = 100000},
        {.seed = 5, .n_apps = 1000, .max = 50, .n_events = 100000},
        {.seed = 6, .n_apps = 10000, .max = 100, .n_events = 50000},
    };
    unsigned n = sizeof(suite) / sizeof(suite[0]);
    unsigned passed = 0;
    unsigned i;

    for (i = 0; i < n; i++) {
        struct sim_options options = suite[i];

        options.faults = SIM_ALL_FAULTS;
        print_command(&options);
        passed += succeeds(&options, false);
    }
    printf("%u passed, %u failed\n", passed, n - passed);
    return passed == n ? EXIT_SUCCESS : EXIT_FAILURE;
}

static uint32_t fault_named(const char *name)
{
    unsigned fault;

    for (fault = 0; fault < FAULT_COUNT; fault++) {
        if (strcmp(name, fault_names[fault]) == 0) {
            return UINT32_C(1) << fault;
        }
    }
    fprintf(stderr, "no such fault: %s\n", name);
    exit(2);
}

static bool read_options(int argc, char **argv, struct sim_options *options)
{
    static const struct option names[] = {
        {"seed",    required_argument, NULL, 's'},
        {"apps",    required_argument, NULL, 'a'},
        {"max",     required_argument, NULL, 'm'},
        {"events",  required_argument, NULL, 'e'},
        {"without", required_argument, NULL, 'w'},
        {"trace",   no_argument,       NULL, 't'},
        {"shrink",  no_argument,       NULL, 'x'},
        {NULL,      0,                 NULL, 0  },
    };
    bool make_small = false;
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (c) {
        case 's':
            options->seed = strtoull(optarg, NULL, 10);
            break;
        case 'a':
            options->n_apps = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'm':
            options->max = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'e':
            options->n_events = strtoull(optarg, NULL, 10);
            break;
        case 'w':
            options->faults &= ~fault_named(optarg);
            break;
        case 't':
            options->trace = true;
            break;
        case 'x':
            make_small = true;
            break;
        default:
            exit(2);
        }
    }
    return make_small;
}

int main(int argc, char **argv)
{
    struct sim_options options = {
        .seed = 1,
        .n_apps = 10,
        .max = 10,
        .n_events = 1000000,
        .faults = SIM_ALL_FAULTS,
    };
    bool make_small;
    bool passed;

    setvbuf(stdout, NULL, _IOLBF, 0); /* whole lines even if it aborts */
    if (argc == 1) {
        return run_suite();
    }
    make_small = read_options(argc, argv, &options);
    print_command(&options);
    passed = succeeds(&options, false);
    if (!passed && make_small) {
        shrink(options);
    }
    printf("%d passed, %d failed\n", passed, !passed);
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
