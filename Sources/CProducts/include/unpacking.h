// Numbers of quantised weights, sixteen or more at a time: for processors with AVX-512, and those
// into bfloat16 for processors with tala_has_bfloat16_products.
#ifndef TALA_UNPACKING_H
#define TALA_UNPACKING_H

#include <stdint.h>

/// The parts of a weight in whole numbers of 8 bits: codes, and a half-precision scale for each
/// block of 32.
typedef struct {
    const int8_t *_Nonnull codes;
    const uint16_t *_Nonnull scales;
} tala_q8;

void tala_unpack_q8(const tala_q8 *_Nonnull weight, int64_t first_block, int64_t blocks, float *_Nonnull target);
void tala_unpack_q8_bfloat16(const tala_q8 *_Nonnull weight, int64_t first_block, int64_t blocks, uint16_t *_Nonnull target);

/// The parts of a weight in 4-bit NormalFloat: the values of a code and of a scale's code, the
/// greatest scale of each 256 blocks, the mean of all, the scales' codes, the codes of blocks of
/// 64.
typedef struct {
    const float *_Nonnull values, *_Nonnull scale_values, *_Nonnull groups, *_Nonnull mean;
    const uint8_t *_Nonnull scale_codes, *_Nonnull codes;
} tala_nf4;

void tala_unpack_nf4(const tala_nf4 *_Nonnull weight, int64_t first_block, int64_t blocks, float *_Nonnull target);
void tala_unpack_nf4_bfloat16(const tala_nf4 *_Nonnull weight, int64_t first_block, int64_t blocks, uint16_t *_Nonnull target);
#endif
