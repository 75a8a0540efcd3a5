// Scalar products of few rows with rows of a weight that lies in the blocks of a GGUF file, which
// are unpacked in registers. For processors with AVX-512.
#ifndef TALA_BLOCK_DOTS_H
#define TALA_BLOCK_DOTS_H

#include <stdint.h>

enum { tala_most_block_dot_rows = 8 };

/// Rows of `x` that are computed for so many.
static inline int64_t tala_block_dot_height(int64_t rows) { return rows <= 2 ? rows : rows <= 4 ? 4 : rows <= 6 ? 6 : 8; }

/// Some rows of `x`, at most `tala_most_block_dot_rows`, some rows of a weight, and where their
/// products go: `sums[i * sums_stride + j]`. `sums_stride` is in numbers, `w_stride` is in bytes; a
/// row of the weight has `blocks` blocks. `x` lies in pieces of 32 numbers: the first of all rows
/// one behind the other, then the second of all; a single row is thus as it is. There are
/// `tala_block_dot_height` rows, whatever those that do not count hold.
typedef struct {
    int64_t rows, columns, blocks;
    int64_t w_stride, sums_stride;
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
