// Scalar products of some rows with some rows of a weight, for few rows as for many: each in one
// order that nothing beside it changes. For processors with AVX-512.
#ifndef TALA_ROW_DOTS_H
#define TALA_ROW_DOTS_H

#include <stddef.h>
#include <stdint.h>

/// Rows of `x` and of a weight, and where their products go: `sums[i * sums_stride + j] = x[i] ·
/// w[j]` for `rows` rows of `x` and `columns` rows of the weight. Strides are in elements.
typedef struct {
    int64_t rows, columns, k;
    int64_t x_stride, w_stride, sums_stride;
} tala_row_dots;

/// Sixteen partial sums in ascending order by fused multiply-adds, then their sum by halves.
void tala_row_dots_float32(const tala_row_dots *_Nonnull shape, const float *_Nonnull x, const float *_Nonnull w, float *_Nonnull sums);
/// The same with a weight of bfloat16, whose numbers are widened as they are read.
void tala_row_dots_widened(const tala_row_dots *_Nonnull shape, const float *_Nonnull x, const uint16_t *_Nonnull w, float *_Nonnull sums);
/// The same with a weight of float16.
void tala_row_dots_halves(const tala_row_dots *_Nonnull shape, const float *_Nonnull x, const uint16_t *_Nonnull w, float *_Nonnull sums);
/// Both in bfloat16: sixteen partial sums of pairs in ascending order by the processor's own
/// instruction, then their sum by halves. For processors with tala_has_bfloat16_products.
void tala_row_dots_bfloat16(
    const tala_row_dots *_Nonnull shape, const uint16_t *_Nonnull x, const uint16_t *_Nonnull w, float *_Nonnull sums);
#endif
