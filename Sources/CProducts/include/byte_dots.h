// Scalar products of rows of activations with rows of a weight in q8, in whole numbers block by
// block: for processors with AVX-512's byte products (VNNI).
#ifndef TALA_BYTE_DOTS_H
#define TALA_BYTE_DOTS_H

#include <stddef.h>
#include <stdint.h>

/// Whether this processor has the instructions.
int tala_has_byte_products(void);

/// Bytes of a row of `k` numbers as the products take it; a multiple of 64.
size_t tala_byte_row_size(int64_t k);

/// Lays out a row: in blocks of 32, each number as 256 * high + low in units of 2^(e - 13), where
/// 2^e is the block's greatest number's power of two. At most half a unit is lost: 2^-14 of the
/// greatest.
void tala_make_byte_row(const float *_Nonnull x, int64_t k, void *_Nonnull row);

/// Some rows of activations, `row_bytes` apart, some rows of a weight, and where their products go:
/// `sums[i * sums_stride + j]`. `k` is a multiple of 32. Each sum: by block the whole number
/// exactly, times both scales, in sixteen partial sums in ascending order, then their sum by
/// halves.
typedef struct {
    int64_t rows, columns, k, row_bytes, sums_stride;
} tala_byte_dots;

void tala_run_byte_dots(
    const tala_byte_dots *_Nonnull shape, const void *_Nonnull rows, const int8_t *_Nonnull codes, const uint16_t *_Nonnull scales,
    float *_Nonnull sums);
#endif
