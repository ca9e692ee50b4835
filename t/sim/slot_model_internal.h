/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_model_internal.h - what the files of the model share.
 */
#ifndef APPPOOL_SLOT_MODEL_INTERNAL_H
#define APPPOOL_SLOT_MODEL_INTERNAL_H

#include "slot_model.h"
#include "slot_word.h"

/* One state whose steps are looked for. */
struct stepper {
    const struct model *from;
    const struct model_options *options;
    model_visit_fn *visit;
    void *baton;
};

void model_emit(const struct stepper *s, const struct model *next,
                enum step_kind kind, const char *step, unsigned a, unsigned b);

enum slot_state model_state(uint16_t word);
unsigned model_generation(uint16_t word);
bool model_change(uint16_t *word, enum slot_event event);

void model_post(struct box *box, struct mail mail);
struct mail model_take(struct box *box); /* kind NONE: it was empty */

/* slot_model_engine.c */
void model_engine_steps(const struct stepper *s);

#endif
