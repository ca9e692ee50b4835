/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_heap.c - see core_heap.h. Memory that runs out ends the program.
 */
#include "core_heap.h"

#include <stdlib.h>

static void heap_place(struct core_heap *heap, struct core_heap_node *node,
                       size_t at)
{
    heap->nodes[at] = node;
    node->at = at;
}

static void heap_rise(struct core_heap *heap, struct core_heap_node *node)
{
    size_t at = node->at;

    while (at > 1 && heap->nodes[at / 2]->key > node->key) {
        heap_place(heap, heap->nodes[at / 2], at);
        at /= 2;
    }
    heap_place(heap, node, at);
}

static void heap_sink(struct core_heap *heap, struct core_heap_node *node)
{
    size_t at = node->at;
    size_t child;

    while ((child = 2 * at) <= heap->n) {
        if (child < heap->n
            && heap->nodes[child + 1]->key < heap->nodes[child]->key) {
            child++;
        }
        if (heap->nodes[child]->key >= node->key) {
            break;
        }
        heap_place(heap, heap->nodes[child], at);
        at = child;
    }
    heap_place(heap, node, at);
}

static void heap_append(struct core_heap *heap, struct core_heap_node *node)
{
    if (heap->n + 1 >= heap->size) {
        heap->size = heap->size ? 2 * heap->size : 16;
        heap->nodes =
            realloc(heap->nodes, heap->size * sizeof(heap->nodes[0]));
        if (!heap->nodes) {
            abort();
        }
    }
    heap->n++;
    heap_place(heap, node, heap->n);
}

void core_heap_clear(struct core_heap *heap)
{
    free(heap->nodes);
    *heap = (struct core_heap){.nodes = NULL};
}

void core_heap_set(struct core_heap *heap, struct core_heap_node *node,
                   int64_t key)
{
    node->key = key;
    if (!node->at) {
        heap_append(heap, node);
    }
    heap_rise(heap, node);
    heap_sink(heap, node);
}

void core_heap_lower(struct core_heap *heap, struct core_heap_node *node,
                     int64_t key)
{
    if (!node->at || key < node->key) {
        core_heap_set(heap, node, key);
    }
}

void core_heap_remove(struct core_heap *heap, struct core_heap_node *node)
{
    struct core_heap_node *last;
    size_t at = node->at;

    if (!at) {
        return;
    }
    last = heap->nodes[heap->n];
    heap->n--;
    node->at = 0;
    if (last != node) {
        heap_place(heap, last, at);
        heap_rise(heap, last);
        heap_sink(heap, last);
    }
}

struct core_heap_node *core_heap_first(const struct core_heap *heap)
{
    return heap->n ? heap->nodes[1] : NULL;
}
