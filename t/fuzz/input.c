/* SPDX-License-Identifier: Apache-2.0 */
/*
 * input.c - see input.h.
 */
#include "input.h"

#include <string.h>

uint8_t input_byte(struct input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

uint16_t input_word(struct input *in)
{
    unsigned low = input_byte(in);

    return (uint16_t)(low | (unsigned)input_byte(in) << 8);
}

uint32_t input_number(struct input *in)
{
    uint32_t number = input_byte(in);

    if (number >= 240) {
        number = input_word(in);
        number |= (uint32_t)input_word(in) << 16;
    }
    return number;
}

static const char *take(struct input *in, size_t len, size_t *len_r)
{
    const char *bytes = (const char *)in->at;

    *len_r = len < in->left ? len : in->left;
    in->at += *len_r;
    in->left -= *len_r;
    return bytes;
}

const char *input_bytes(struct input *in, size_t *len_r)
{
    return take(in, input_byte(in), len_r);
}

const char *input_long_bytes(struct input *in, size_t *len_r)
{
    return take(in, input_word(in), len_r);
}

enum kind { IS_NONE, IS_U32, IS_U64, IS_TEXT, IS_LIST, IS_BYTES };

static const enum kind kinds[FIELD_COUNT] = {
#define FIELD(id, name, kind, max, meaning) [id] = IS_##kind,
    WIRE_FIELDS(FIELD)
#undef FIELD
};

static void put_field(struct input *in, struct wire_message *m,
                      enum wire_field field)
{
    const char *bytes;
    size_t len;

    if (kinds[field] == IS_U32) {
        wire_put_u32(m, field, input_number(in));
    } else if (kinds[field] == IS_U64) {
        uint64_t high = input_number(in);

        wire_put_u64(m, field, high << 32 | input_number(in));
    } else {
        bytes = input_bytes(in, &len);
        wire_put_bytes(m, field, bytes, len);
    }
}

void input_fields(struct input *in, struct wire_message *m)
{
    for (unsigned n = input_byte(in); n > 0 && in->left > 0; n--) {
        put_field(in, m, (enum wire_field)(input_byte(in) % FIELD_COUNT));
    }
}
