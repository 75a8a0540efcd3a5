// Blocks one behind the other as numbers, of any format that has what block_tile.h names.
#ifndef TALA_BLOCK_LOOPS_H
#define TALA_BLOCK_LOOPS_H

#include "block_formats.h"

#define TALA_UNROLL _Pragma("clang loop unroll(full)")

/// NAME_floats and NAME_halves.
#define TALA_LOOPS(NAME, PARTS)                                                                                                           \
    TALA_TARGET static void NAME##_floats(const uint8_t *block, const void *beside, int64_t count, float *target) {                       \
        for (; count > 0; count--, block += bytes_of_##NAME) {                                                                            \
            tala_heads heads = NAME##_head(block, beside);                                                                                \
            if (PARTS == 8) TALA_KEEP(heads);                                                                                             \
            TALA_UNROLL for (int part = 0; part < PARTS; part++, target += 32) {                                                          \
                const tala_numbers numbers = NAME(block, part, &heads);                                                                   \
                _mm512_storeu_ps(target, numbers.first);                                                                                  \
                _mm512_storeu_ps(target + 16, numbers.second);                                                                            \
            }                                                                                                                             \
        }                                                                                                                                 \
    }                                                                                                                                     \
    TALA_TARGET_BF16 static void NAME##_halves(const uint8_t *block, const void *beside, int64_t count, uint16_t *target) {               \
        for (; count > 0; count--, block += bytes_of_##NAME) {                                                                            \
            tala_heads heads = NAME##_head(block, beside);                                                                                \
            if (PARTS == 8) TALA_KEEP(heads);                                                                                             \
            TALA_UNROLL for (int part = 0; part < PARTS; part += 2, target += 64) {                                                       \
                const tala_halves numbers = NAME##_narrow(block, part, &heads);                                                           \
                _mm512_storeu_si512(target, numbers.parts[0]);                                                                            \
                if (PARTS > 1) _mm512_storeu_si512(target + 32, numbers.parts[1]);                                                        \
            }                                                                                                                             \
            if (PARTS == 1) target -= 32;                                                                                                 \
        }                                                                                                                                 \
    }

#endif
