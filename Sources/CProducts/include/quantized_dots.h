// Scalar products of few rows with rows of a weight that was quantised when it was loaded, whose
// numbers exist in registers alone. For processors with AVX-512.
#ifndef TALA_QUANTIZED_DOTS_H
#define TALA_QUANTIZED_DOTS_H

#include "block_dots.h"
#include "unpacking.h"

/// The products of `x` with the weight's rows from `row` on; `w_stride` of the shape is the bytes
/// of a row's codes. Bit for bit what tala_row_dots_float32 computes from the unpacked weight.
void tala_q8_dots_float32(
    const tala_block_dots *_Nonnull shape, const float *_Nonnull x, const tala_q8 *_Nonnull weight, int64_t row, float *_Nonnull sums);
void tala_nf4_dots_float32(
    const tala_block_dots *_Nonnull shape, const float *_Nonnull x, const tala_nf4 *_Nonnull weight, int64_t row, float *_Nonnull sums);
/// Bit for bit what tala_row_dots_bfloat16 computes from it. For processors with
/// tala_has_bfloat16_products.
void tala_q8_dots_bfloat16(
    const tala_block_dots *_Nonnull shape, const uint16_t *_Nonnull x, const tala_q8 *_Nonnull weight, int64_t row, float *_Nonnull sums);
void tala_nf4_dots_bfloat16(
    const tala_block_dots *_Nonnull shape, const uint16_t *_Nonnull x, const tala_nf4 *_Nonnull weight, int64_t row, float *_Nonnull sums);
#endif
