/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_model_main.c - explores the model of slots completely, breadth first, so
 * that a state that must not be is reached by the shortest way, which is
 * printed.
 *
 *   sim_slots                    what make check runs, in some seconds
 *   sim_slots --threads N --engines N --clients N --dirty N --lost N
 *             [--mistake NAME]   one exploration; a mistake made on purpose has
 *                                to be found
 *   sim_slots --all              two threads a client and all that can go wrong
 *                                once; takes minutes and some gigabytes
 */
#include "slot_model.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_PARENT UINT32_MAX

struct node {
    struct model model;
    uint32_t parent;
    const char *step;
    uint8_t a, b;
};

struct search {
    const struct model_options *options;
    struct node *nodes;
    size_t n, size;
    uint32_t *table;   /* index + 1 of a node, by its hash; 0: none */
    size_t table_size; /* a power of two */
    size_t at;         /* the node whose steps are looked for */
    unsigned forced, working;
    uint64_t steps;
};

static void *resized(void *memory, size_t n, size_t size)
{
    memory = reallocarray(memory, n, size);
    if (memory == NULL) {
        perror("memory");
        exit(2);
    }
    return memory;
}

/* FNV-1a, by words of eight bytes as far as they go. */
static uint64_t hash_of(const struct model *model)
{
    const unsigned char *bytes = (const unsigned char *)model;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    uint64_t word = 0;

    for (size_t i = 0; i < sizeof(*model); i += sizeof(word)) {
        size_t left = sizeof(*model) - i;

        word = 0;
        memcpy(&word, bytes + i, left < sizeof(word) ? left : sizeof(word));
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
    }
    return hash;
}

/* Its place in the table: of this state, or the free one for it. */
static size_t place_of(const struct search *search, const struct model *model)
{
    size_t mask = search->table_size - 1;
    size_t place = hash_of(model) & mask;
    uint32_t found;

    while ((found = search->table[place]) != 0 &&
           memcmp(&search->nodes[found - 1].model, model, sizeof(*model))) {
        place = (place + 1) & mask;
    }
    return place;
}

static void grow_table(struct search *search)
{
    search->table_size = search->table_size ? search->table_size * 2 : 1 << 16;
    free(search->table);
    search->table = calloc(search->table_size, sizeof(*search->table));
    if (search->table == NULL) {
        perror("memory");
        exit(2);
    }
    for (size_t i = 0; i < search->n; i++) {
        search->table[place_of(search, &search->nodes[i].model)] =
            (uint32_t)i + 1;
    }
}

static void add(struct search *search, const struct model *model,
                uint32_t parent, const char *step, unsigned a, unsigned b)
{
    size_t place;

    if (search->n * 2 >= search->table_size) {
        grow_table(search);
    }
    place = place_of(search, model);
    if (search->table[place] != 0) {
        return;
    }
    if (search->n == search->size) {
        search->size = search->size * 3 / 2 + 4096;
        search->nodes = resized(search->nodes, search->size,
                                sizeof(*search->nodes));
    }
    search->nodes[search->n] = (struct node){ .parent = parent, .step = step,
                                              .a = (uint8_t)a,
                                              .b = (uint8_t)b };
    memcpy(&search->nodes[search->n].model, model, sizeof(*model));
    search->table[place] = (uint32_t)++search->n;
}

static void visit(void *baton, const struct model *next, enum step_kind kind,
                  const char *step, unsigned a, unsigned b)
{
    struct search *search = baton;
    struct model canonical = *next;

    search->forced += kind == STEP_FORCED;
    search->working += kind == STEP_WORK;
    search->steps++;
    model_canonical(&canonical, search->options);
    add(search, &canonical, (uint32_t)search->at, step, a, b);
}

static void print_way(const struct search *search, size_t to)
{
    const struct node *node = &search->nodes[to];

    if (node->parent == NO_PARENT) {
        return;
    }
    print_way(search, node->parent);
    printf("  ");
    printf(node->step, node->a, node->b);
    putchar('\n');
}

/* NULL, or what is wrong. */
static const char *explore(struct search *search)
{
    const char *wrong = NULL;
    struct model first;

    model_init(&first, search->options);
    add(search, &first, NO_PARENT, "", 0, 0);
    for (search->at = 0; search->at < search->n && !wrong; search->at++) {
        struct model model = search->nodes[search->at].model;

        search->forced = search->working = 0;
        model_steps(&model, search->options, visit, search);
        wrong = model_check(&model, search->forced == 0,
                            search->forced + search->working == 0);
    }
    return wrong;
}

static const char *const mistakes[] = {
#define MISTAKE_TEXT(name, text) text,
    MODEL_MISTAKES(MISTAKE_TEXT)
#undef MISTAKE_TEXT
};

/* A mistake has to be found, anything else not. */
static bool run(const struct model_options *options, bool tell_way)
{
    struct search search = { .options = options };
    const char *wrong = explore(&search);
    bool is_right = (wrong != NULL) == (options->mistake != MISTAKE_NONE);

    printf("threads %u, deaths of engines %u, of clients %u, dirty %u, lost "
           "%u, mistake %s: %zu states, %ju steps; %s\n", options->threads,
           options->engines, options->clients, options->dirty, options->lost,
           mistakes[options->mistake], search.n, (uintmax_t)search.steps,
           wrong ? wrong : "nothing wrong");
    if (wrong && (tell_way || !is_right)) {
        print_way(&search, search.at - 1);
    }
    free(search.nodes);
    free(search.table);
    return is_right;
}

static int run_suite(void)
{
    static const struct model_options suite[] = {
        { .threads = 4 },
        { .threads = 3, .clients = 1 },
        { .threads = 2, .engines = 1 },
        { .threads = 2, .dirty = 1, .lost = 1 },
        { .threads = 2, .clients = 1, .dirty = 1, .lost = 1 },
        { .threads = 3, .mistake = MISTAKE_NO_MARK },
        { .threads = 4, .mistake = MISTAKE_ONE_MARK },
        { .threads = 3, .mistake = MISTAKE_NO_TAKE },
        { .threads = 2, .mistake = MISTAKE_KEEP_OFFER },
        { .threads = 2, .engines = 1, .mistake = MISTAKE_NO_RESET },
        { .threads = 2, .engines = 2, .mistake = MISTAKE_OLD_GET },
        { .threads = 2, .engines = 1, .dirty = 1, .mistake = MISTAKE_NO_PROBE },
        { .threads = 2, .engines = 1, .dirty = 1,
          .mistake = MISTAKE_NO_GENERATION },
        { .threads = 2, .clients = 1, .dirty = 1,
          .mistake = MISTAKE_DIED_CLEAN },
    };
    unsigned n = sizeof(suite) / sizeof(suite[0]);
    unsigned passed = 0;

    for (unsigned i = 0; i < n; i++) {
        passed += run(&suite[i], false);
    }
    printf("%u passed, %u failed\n", passed, n - passed);
    return passed == n ? EXIT_SUCCESS : EXIT_FAILURE;
}

static unsigned mistake_named(const char *name)
{
    for (unsigned i = 0; i < MISTAKE_COUNT; i++) {
        if (strcmp(mistakes[i], name) == 0) {
            return i;
        }
    }
    fprintf(stderr, "no such mistake: %s\n", name);
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        { "threads", required_argument, NULL, 't' },
        { "engines", required_argument, NULL, 'e' },
        { "clients", required_argument, NULL, 'c' },
        { "dirty", required_argument, NULL, 'd' },
        { "lost", required_argument, NULL, 'l' },
        { "mistake", required_argument, NULL, 'm' },
        { "all", no_argument, NULL, 'a' },
        { NULL, 0, NULL, 0 },
    };
    struct model_options options = { .threads = MODEL_THREADS };
    int option;

    if (argc == 1) {
        return run_suite();
    }
    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        unsigned number = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;

        switch (option) {
        case 't':
            options.threads = number < MODEL_THREADS ? number : MODEL_THREADS;
            break;
        case 'e':
            options.engines = number;
            break;
        case 'c':
            options.clients = number;
            break;
        case 'd':
            options.dirty = number;
            break;
        case 'l':
            options.lost = number;
            break;
        case 'm':
            options.mistake = mistake_named(optarg);
            break;
        case 'a':
            options.engines = options.clients = options.dirty = options.lost =
                1;
            break;
        default:
            return 2;
        }
    }
    return run(&options, true) ? EXIT_SUCCESS : EXIT_FAILURE;
}
