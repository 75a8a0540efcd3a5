// Scalar products of few rows of x with rows of a weight whose numbers exist in registers alone:
// beside what streams through the first-level cache there would be no place for them. A row of the
// weight is read once for all rows of x. One row of x meets four of the weight, eight meet two, so
// that as many sums are made at a time as hide the time of each addition. A sum has the order of
// row_dots.c.
//
// Of a format NAME there are bytes_of_NAME, NAME_head (what a block has of its own), NAME (the
// float32 numbers of a part of 32 of it) and NAME_narrow (the same as bfloat16).
#ifndef TALA_BLOCK_TILE_H
#define TALA_BLOCK_TILE_H

#include "block_dots.h"
#include "vector_sums.h"

enum { most_rows = tala_most_block_dot_rows, most_columns = 4 };

/// A tile: `rows` rows of x, of which `stored` count, and `columns` of the weight.
#define TALA_TILE(NAME, SUFFIX, TARGET, XTYPE, PARTS, ADD)                                                                                \
    __attribute__((always_inline)) static inline TARGET void NAME##_##SUFFIX##_tile(                                                      \
        const int rows, const int columns, const XTYPE *x, int64_t x_stride, int stored, const uint8_t *const w[most_columns],            \
        int64_t blocks, int64_t ahead, float *sums, int64_t sums_stride, int stored_columns, const void *beside) {                        \
        __m512 s[most_rows][most_columns];                                                                                                \
        TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                      \
            TALA_UNROLL for (int j = 0; j < columns; j++) s[i][j] = _mm512_setzero_ps();                                                  \
        }                                                                                                                                 \
        const XTYPE *thirds[3] = {x, x + 3 * x_stride, x + 6 * x_stride};                                                                 \
        for (int64_t b = 0; b < blocks; b++) {                                                                                            \
            tala_heads heads[most_columns];                                                                                               \
            TALA_UNROLL for (int j = 0; j < columns; j++) {                                                                               \
                heads[j] = NAME##_head(w[j] + b * bytes_of_##NAME, beside);                                                               \
                TALA_UNROLL for (int line = 0; line < bytes_of_##NAME; line += 64) {                                                      \
                    _mm_prefetch((const char *)w[j] + b * bytes_of_##NAME + line + ahead, _MM_HINT_T0);                                   \
                }                                                                                                                         \
            }                                                                                                                             \
            TALA_UNROLL for (int part = 0; part < PARTS; part++) {                                                                        \
                TALA_UNROLL for (int j = 0; j < columns; j++) ADD(NAME, j)                                                                \
            }                                                                                                                             \
            TALA_UNROLL for (int i = 0; i < 3; i++) thirds[i] += 32 * PARTS;                                                              \
        }                                                                                                                                 \
        const __mmask8 mask = (__mmask8)((1u << stored_columns) - 1);                                                                     \
        TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                      \
            const int third = columns > 2 ? 2 : 0;                                                                                        \
            const __m128 totals = tala_totals(s[i][0], s[i][1], s[i][third], s[i][third + 1]);                                            \
            if (i < stored) _mm_mask_storeu_ps(sums + i * sums_stride, mask, totals);                                                     \
        }                                                                                                                                 \
    }                                                                                                                                     \
    TARGET static void NAME##_##SUFFIX(const tala_block_dots *shape, const XTYPE *x, const uint8_t *w, const void *beside, float *sums) { \
        const int64_t x_stride = shape->x_stride, w_stride = shape->w_stride, sums_stride = shape->sums_stride;                           \
        const int64_t blocks = shape->blocks, ahead = most_columns * w_stride;                                                            \
        const int rows = (int)shape->rows;                                                                                                \
        for (int64_t column = 0; column < shape->columns; column += most_columns) {                                                       \
            const int columns = shape->columns - column < most_columns ? (int)(shape->columns - column) : most_columns;                   \
            const uint8_t *four[most_columns];                                                                                            \
            for (int j = 0; j < most_columns; j++) four[j] = w + (column + (j < columns ? j : columns - 1)) * w_stride;                   \
            float *target = sums + column;                                                                                                \
            if (rows <= 1) {                                                                                                              \
                NAME##_##SUFFIX##_tile(1, 4, x, x_stride, rows, four, blocks, ahead, target, sums_stride, columns, beside);               \
            } else if (rows <= 2) {                                                                                                       \
                NAME##_##SUFFIX##_tile(2, 4, x, x_stride, rows, four, blocks, ahead, target, sums_stride, columns, beside);               \
            } else if (rows <= 4) {                                                                                                       \
                NAME##_##SUFFIX##_tile(4, 4, x, x_stride, rows, four, blocks, ahead, target, sums_stride, columns, beside);               \
            } else {                                                                                                                      \
                const int first = columns < 2 ? columns : 2, second = columns - first;                                                    \
                NAME##_##SUFFIX##_tile(8, 2, x, x_stride, rows, four, blocks, ahead, target, sums_stride, first, beside);                 \
                if (second == 0) continue;                                                                                                \
                NAME##_##SUFFIX##_tile(8, 2, x, x_stride, rows, four + 2, blocks, ahead, target + 2, sums_stride, second, beside);        \
            }                                                                                                                             \
        }                                                                                                                                 \
    }

#define X_AT(i) (thirds[(i) / 3] + (i) % 3 * x_stride + 32 * part)
#define TALA_ADD_FLOATS(NAME, j)                                                                                                          \
    {                                                                                                                                     \
        const tala_numbers numbers = NAME(w[j] + b * bytes_of_##NAME, part, &heads[j]);                                                   \
        TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                      \
            s[i][j] = _mm512_fmadd_ps(_mm512_loadu_ps(X_AT(i)), numbers.first, s[i][j]);                                                  \
            s[i][j] = _mm512_fmadd_ps(_mm512_loadu_ps(X_AT(i) + 16), numbers.second, s[i][j]);                                            \
        }                                                                                                                                 \
    }
#define TALA_ADD_PAIRS(NAME, j)                                                                                                           \
    {                                                                                                                                     \
        const __m512i numbers = NAME##_narrow(w[j] + b * bytes_of_##NAME, part, &heads[j]);                                               \
        TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                      \
            s[i][j] = _mm512_dpbf16_ps(s[i][j], (__m512bh)_mm512_loadu_si512(X_AT(i)), (__m512bh)numbers);                                \
        }                                                                                                                                 \
    }

#endif
