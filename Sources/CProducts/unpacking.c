// In C because a code's number comes from a table in registers, for which Swift has no words.
#include "unpacking.h"

#if defined(__x86_64__)
#include "quantized_formats.h"

#define TALA_UNROLL _Pragma("clang loop unroll(full)")

#define TALA_UNPACKED(NAME, PARTS)                                                                                                        \
    TALA_TARGET void tala_unpack_##NAME(const tala_##NAME *weight, int64_t first_block, int64_t blocks, float *target) {                  \
        const uint8_t *block = (const uint8_t *)weight->codes + first_block * bytes_of_##NAME;                                            \
        for (; blocks > 0; blocks--, block += bytes_of_##NAME) {                                                                          \
            const tala_heads heads = NAME##_head(block, weight);                                                                          \
            TALA_UNROLL for (int part = 0; part < PARTS; part++, target += 32) {                                                          \
                const tala_numbers numbers = NAME(block, part, &heads);                                                                   \
                _mm512_storeu_ps(target, numbers.first);                                                                                  \
                _mm512_storeu_ps(target + 16, numbers.second);                                                                            \
            }                                                                                                                             \
        }                                                                                                                                 \
    }                                                                                                                                     \
    TALA_TARGET_BF16 void tala_unpack_##NAME##_bfloat16(                                                                                  \
        const tala_##NAME *weight, int64_t first_block, int64_t blocks, uint16_t *target) {                                               \
        const uint8_t *block = (const uint8_t *)weight->codes + first_block * bytes_of_##NAME;                                            \
        for (; blocks > 0; blocks--, block += bytes_of_##NAME) {                                                                          \
            const tala_heads heads = NAME##_head(block, weight);                                                                          \
            TALA_UNROLL for (int part = 0; part < PARTS; part++, target += 32) {                                                          \
                _mm512_storeu_si512(target, NAME##_narrow(block, part, &heads));                                                          \
            }                                                                                                                             \
        }                                                                                                                                 \
    }
TALA_QUANTIZED_FORMATS(TALA_UNPACKED)

#else

void tala_unpack_q8(const tala_q8 *weight, int64_t first_block, int64_t blocks, float *target) {}
void tala_unpack_q8_bfloat16(const tala_q8 *weight, int64_t first_block, int64_t blocks, uint16_t *target) {}
void tala_unpack_nf4(const tala_nf4 *weight, int64_t first_block, int64_t blocks, float *target) {}
void tala_unpack_nf4_bfloat16(const tala_nf4 *weight, int64_t first_block, int64_t blocks, uint16_t *target) {}

#endif
