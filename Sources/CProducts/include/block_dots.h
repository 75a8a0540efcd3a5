// Scalar products of few rows with rows of a weight that lies in the blocks of a GGUF file, which
// are unpacked in registers. For processors with AVX-512.
#ifndef TALA_BLOCK_DOTS_H
#define TALA_BLOCK_DOTS_H

#include <stdint.h>

enum { tala_most_block_dot_rows = 8 };

/// Some rows of `x`, at most `tala_most_block_dot_rows`, some rows of a weight, and where their
/// products go: `sums[i * sums_stride + j]`. `x_stride` and `sums_stride` are in numbers,
/// `w_stride` is in bytes; a row of the weight has `blocks` blocks. Rows of `x` are read up to the
/// next power of two: they are there, whatever they hold.
typedef struct {
    int64_t rows, columns, blocks;
    int64_t x_stride, w_stride, sums_stride;
} tala_block_dots;

/// Bit for bit what tala_row_dots_float32 computes from the unpacked weight; for formats that
/// tala_unpacks_blocks.
void tala_block_dots_float32(
    uint32_t format, const tala_block_dots *_Nonnull shape, const float *_Nonnull x, const void *_Nonnull w, float *_Nonnull sums);
/// Bit for bit what tala_row_dots_bfloat16 computes from it. For processors with
/// tala_has_bfloat16_products.
void tala_block_dots_bfloat16(
    uint32_t format, const tala_block_dots *_Nonnull shape, const uint16_t *_Nonnull x, const void *_Nonnull w, float *_Nonnull sums);
#endif
