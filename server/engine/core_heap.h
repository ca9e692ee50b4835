/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_heap.h - a binary heap of nodes that live in other objects.
 *
 * A key may be a lower bound of what it stands for: who looks at the first node
 * corrects it. So that the usual change, to something later, costs nothing.
 */
#ifndef APPPOOL_CORE_HEAP_H
#define APPPOOL_CORE_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct core_heap_node {
    size_t at;   /* place in the heap from 1 on; 0: in none */
    int64_t key;
};

struct core_heap {
    struct core_heap_node **nodes; /* [0] is not used; borrowed */
    size_t n, size;
};

void core_heap_clear(struct core_heap *heap);

/* Put the node in with this key, or give it this key if it is in. */
void core_heap_set(struct core_heap *heap, struct core_heap_node *node,
                   int64_t key);

/* The same, unless it is in with a lesser key. */
void core_heap_lower(struct core_heap *heap, struct core_heap_node *node,
                     int64_t key);

/* Take it out; no-op if it is not in. */
void core_heap_remove(struct core_heap *heap, struct core_heap_node *node);

/* The node with the least key; NULL: none. */
struct core_heap_node *core_heap_first(const struct core_heap *heap);

#endif
