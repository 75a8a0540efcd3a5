// Sums of rows of values by weights, as attention makes them. For processors with AVX-512.
#ifndef TALA_WEIGHTED_SUMS_H
#define TALA_WEIGHTED_SUMS_H

#include <stdint.h>

/// `queries` sums of `count` rows of `width` values. Strides are in numbers.
typedef struct {
    int64_t queries, count, width;
    int64_t value_stride, weight_stride, sum_stride;
} tala_weighted_sums;

/// `sums[q] = sums[q] * shrink[q] + Σ weights[q][i] * values[i]` for each of the width's places, the
/// rows of values in ascending order by fused multiply-adds.
void tala_add_weighted(
    const tala_weighted_sums *_Nonnull shape, const float *_Nonnull values, const float *_Nonnull weights, const float *_Nonnull shrink,
    float *_Nonnull sums);
/// The same with values of bfloat16, and of float16, which are widened as they are read.
void tala_add_weighted_bfloat16(
    const tala_weighted_sums *_Nonnull shape, const uint16_t *_Nonnull values, const float *_Nonnull weights,
    const float *_Nonnull shrink, float *_Nonnull sums);
void tala_add_weighted_halves(
    const tala_weighted_sums *_Nonnull shape, const uint16_t *_Nonnull values, const float *_Nonnull weights,
    const float *_Nonnull shrink, float *_Nonnull sums);
#endif
