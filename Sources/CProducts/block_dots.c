// A row of the weight is read once for all rows of x, and its numbers are never stored: beside what
// streams through the first-level cache there would be no place for them. One row of x meets four
// of the weight, eight meet two, so that as many sums are made at a time as hide the time of each
// addition. A sum has the order of row_dots.c.
#include "block_dots.h"

#if defined(__x86_64__)
#include "block_formats.h"
#include "vector_sums.h"

enum { most_rows = tala_most_block_dot_rows, most_columns = 4 };

/// A tile: `rows` rows of x, of which `stored` count, and `columns` of the weight.
#define TALA_TILE(NAME, SUFFIX, TARGET, XTYPE, BYTES, PARTS, HEADS, ADD)                                                                  \
    __attribute__((always_inline)) static inline TARGET void NAME##_##SUFFIX##_tile(                                                      \
        const int rows, const int columns, const XTYPE *x, int64_t x_stride, int stored, const uint8_t *const w[most_columns],            \
        int64_t blocks, int64_t ahead, float *sums, int64_t sums_stride, int stored_columns) {                                            \
        __m512 s[most_rows][most_columns];                                                                                                \
        TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                      \
            TALA_UNROLL for (int j = 0; j < columns; j++) s[i][j] = _mm512_setzero_ps();                                                  \
        }                                                                                                                                 \
        const XTYPE *thirds[3] = {x, x + 3 * x_stride, x + 6 * x_stride};                                                                 \
        for (int64_t b = 0; b < blocks; b++) {                                                                                            \
            tala_heads heads[most_columns];                                                                                               \
            TALA_UNROLL for (int j = 0; j < columns; j++) {                                                                               \
                heads[j] = HEADS(w[j] + b * BYTES);                                                                                       \
                TALA_UNROLL for (int line = 0; line < BYTES; line += 64) {                                                                \
                    _mm_prefetch((const char *)w[j] + b * BYTES + line + ahead, _MM_HINT_T0);                                             \
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
    TARGET static void NAME##_##SUFFIX(const tala_block_dots *shape, const XTYPE *x, const uint8_t *w, float *sums) {                     \
        const int64_t x_stride = shape->x_stride, w_stride = shape->w_stride, sums_stride = shape->sums_stride;                           \
        const int64_t blocks = shape->blocks, ahead = most_columns * w_stride;                                                            \
        const int rows = (int)shape->rows;                                                                                                \
        for (int64_t column = 0; column < shape->columns; column += most_columns) {                                                       \
            const int columns = shape->columns - column < most_columns ? (int)(shape->columns - column) : most_columns;                   \
            const uint8_t *four[most_columns];                                                                                            \
            for (int j = 0; j < most_columns; j++) four[j] = w + (column + (j < columns ? j : columns - 1)) * w_stride;                   \
            float *target = sums + column;                                                                                                \
            if (rows <= 1) {                                                                                                              \
                NAME##_##SUFFIX##_tile(1, 4, x, x_stride, rows, four, blocks, ahead, target, sums_stride, columns);                       \
            } else if (rows <= 2) {                                                                                                       \
                NAME##_##SUFFIX##_tile(2, 4, x, x_stride, rows, four, blocks, ahead, target, sums_stride, columns);                       \
            } else if (rows <= 4) {                                                                                                       \
                NAME##_##SUFFIX##_tile(4, 4, x, x_stride, rows, four, blocks, ahead, target, sums_stride, columns);                       \
            } else {                                                                                                                      \
                const int first = columns < 2 ? columns : 2, second = columns - first;                                                    \
                NAME##_##SUFFIX##_tile(8, 2, x, x_stride, rows, four, blocks, ahead, target, sums_stride, first);                         \
                if (second == 0) continue;                                                                                                \
                NAME##_##SUFFIX##_tile(8, 2, x, x_stride, rows, four + 2, blocks, ahead, target + 2, sums_stride, second);                \
            }                                                                                                                             \
        }                                                                                                                                 \
    }

#define X_AT(i) (thirds[(i) / 3] + (i) % 3 * x_stride + 32 * part)
#define TALA_ADD_FLOATS(NAME, j)                                                                                                          \
    {                                                                                                                                     \
        const tala_numbers numbers = NAME(w[j] + b * bytes_of_##NAME, part, &heads[j]);                                                   \
        TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                      \
            s[i][j] = _mm512_fmadd_ps(_mm512_loadu_ps(X_AT(i)), numbers.first, s[i][j]);                                           \
            s[i][j] = _mm512_fmadd_ps(_mm512_loadu_ps(X_AT(i) + 16), numbers.second, s[i][j]);                                     \
        }                                                                                                                                 \
    }
#define TALA_ADD_PAIRS(NAME, j)                                                                                                           \
    {                                                                                                                                     \
        const __m512i numbers = NAME##_narrow(w[j] + b * bytes_of_##NAME, part, &heads[j]);                                               \
        TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                      \
            s[i][j] = _mm512_dpbf16_ps(s[i][j], (__m512bh)_mm512_loadu_si512(X_AT(i)), (__m512bh)numbers);                         \
        }                                                                                                                                 \
    }

#define TALA_BYTES(NAME, NUMBER, HEADS, BYTES, PARTS) bytes_of_##NAME = BYTES,
enum { TALA_ALL_FORMATS(TALA_BYTES) };
#define TALA_DOTS(NAME, NUMBER, HEADS, BYTES, PARTS)                                                                                      \
    TALA_TILE(NAME, singles, TALA_TARGET, float, BYTES, PARTS, HEADS, TALA_ADD_FLOATS)                                                    \
    TALA_TILE(NAME, pairs, TALA_TARGET_BF16, uint16_t, BYTES, PARTS, HEADS, TALA_ADD_PAIRS)
TALA_ALL_FORMATS(TALA_DOTS)

#define TALA_ENTRY(NAME, NUMBER, HEADS, BYTES, PARTS) [NUMBER] = {NAME##_singles, NAME##_pairs},
/// By number.
static const struct {
    void (*singles)(const tala_block_dots *, const float *, const uint8_t *, float *);
    void (*pairs)(const tala_block_dots *, const uint16_t *, const uint8_t *, float *);
} formats[] = {TALA_ALL_FORMATS(TALA_ENTRY)};

static int is_known(uint32_t format) { return format < sizeof formats / sizeof formats[0] && formats[format].singles != 0; }

void tala_block_dots_float32(uint32_t format, const tala_block_dots *shape, const float *x, const void *w, float *sums) {
    if (is_known(format)) formats[format].singles(shape, x, w, sums);
}

void tala_block_dots_bfloat16(uint32_t format, const tala_block_dots *shape, const uint16_t *x, const void *w, float *sums) {
    if (is_known(format)) formats[format].pairs(shape, x, w, sums);
}

#else

void tala_block_dots_float32(uint32_t format, const tala_block_dots *shape, const float *x, const void *w, float *sums) {}
void tala_block_dots_bfloat16(uint32_t format, const tala_block_dots *shape, const uint16_t *x, const void *w, float *sums) {}

#endif
