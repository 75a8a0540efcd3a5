// Weights that were quantised when they were loaded.
#include "quantized_dots.h"

#if defined(__x86_64__)
#include "quantized_formats.h"
#include "block_tile.h"

#define TALA_DOTS(NAME, PARTS)                                                                                                            \
    TALA_TILE(NAME, singles, TALA_TARGET, float, PARTS, TALA_SINGLES)                                                                     \
    TALA_TILE(NAME, pairs, TALA_TARGET_BF16, uint16_t, PARTS, TALA_PAIRS)                                                                 \
    void tala_##NAME##_dots_float32(                                                                                                      \
        const tala_block_dots *shape, const float *x, const tala_##NAME *weight, int64_t row, float *sums) {                              \
        NAME##_singles(shape, x, (const uint8_t *)weight->codes + row * shape->w_stride, weight, sums);                                   \
    }                                                                                                                                     \
    void tala_##NAME##_dots_bfloat16(                                                                                                     \
        const tala_block_dots *shape, const uint16_t *x, const tala_##NAME *weight, int64_t row, float *sums) {                           \
        NAME##_pairs(shape, x, (const uint8_t *)weight->codes + row * shape->w_stride, weight, sums);                                     \
    }
TALA_QUANTIZED_FORMATS(TALA_DOTS)

#else

void tala_q8_dots_float32(const tala_block_dots *shape, const float *x, const tala_q8 *weight, int64_t row, float *sums) {}
void tala_q8_dots_bfloat16(const tala_block_dots *shape, const uint16_t *x, const tala_q8 *weight, int64_t row, float *sums) {}
void tala_nf4_dots_float32(const tala_block_dots *shape, const float *x, const tala_nf4 *weight, int64_t row, float *sums) {}
void tala_nf4_dots_bfloat16(const tala_block_dots *shape, const uint16_t *x, const tala_nf4 *weight, int64_t row, float *sums) {}

#endif
