// Scalar products of few rows of x with rows of a weight whose numbers exist in registers alone:
// beside what streams through the first-level cache there would be no place for them. One or
// two rows of x meet four of the weight, four meet three or four, six or eight meet two, so that as
// many sums are made at a time as hide the time of each addition, and sums and numbers stay in
// registers. A sum has the order of row_dots.c.
//
// A row of the weight is read once for all rows of x. Where those are too long for the first-level
// cache they are cut into pieces: a piece meets a strip of the weight's rows before the next one
// does, and sums that are not finished wait in memory.
//
// A step is a part of a block or two. While it is multiplied the numbers of the next one are made,
// and with each block the heads of the next block, be it the next tile's. Processors look far ahead
// but not that far: behind products that wait they would find the next table too late. So the order
// is fixed here, and no compiler changes it.
//
// Of a format NAME there are bytes_of_NAME, NAME_head (what a block has of its own), NAME (the
// float32 numbers of a part of 32 of it) and NAME_narrow (the same as bfloat16, with those of the
// part behind it).
#ifndef TALA_BLOCK_TILE_H
#define TALA_BLOCK_TILE_H

#include "block_dots.h"
#include "vector_sums.h"

enum {
    most_rows = tala_most_block_dot_rows,
    most_columns = 4,
    /// Rows of the weight that meet a piece of x.
    strip_columns = 32,
    /// Rows of x up to this size are one piece; else pieces have so many bytes. Sums that wait have
    /// 16 KB, and the cache 32 or 48.
    most_bytes_whole = 32768,
    bytes_of_piece = 16384,
    /// Rows of the weight between the one at hand and the one that is fetched.
    columns_ahead = 8,
};

/// Some blocks of at most `strip_columns` rows of a weight, their sums, and where those wait. What is
/// fetched is `ahead` bytes behind the block at hand, with the last rows `ahead_at_end`: that is
/// where the next strip begins.
typedef struct {
    const uint8_t *w;
    int64_t w_stride, columns, blocks, ahead, ahead_at_end;
    float *sums;
    int64_t sums_stride;
    __m512 *waiting;
    int is_first, is_last;
    const void *beside;
} tala_strip;

/// A row of a strip; past its end the last one.
static inline const uint8_t *tala_strip_row(const tala_strip *strip, int64_t column) {
    return strip->w + (column < strip->columns ? column : strip->columns - 1) * strip->w_stride;
}

/// How many blocks of `bytes` of all rows of x are a piece, where a row has so many blocks.
static inline int64_t tala_piece(int64_t blocks, int64_t bytes) {
    if (blocks * bytes <= most_bytes_whole) return blocks;
    const int64_t most = bytes < bytes_of_piece ? bytes_of_piece / bytes : 1;
    const int64_t pieces = (blocks + most - 1) / most;
    return (blocks + pieces - 1) / pieces;
}

/// Keeps instructions where they stand: no compiler moves those that make a value behind this, nor
/// those that need it before.
#define TALA_FIX(value) __asm__ volatile("" : "+v"(value))
#define TALA_FIX_PLACE(pointer) __asm__ volatile("" : "+r"(pointer))

/// A strip in tiles of `rows` rows of x, of which `stored` count, and `columns` of the weight.
#define TALA_TILE(NAME, SUFFIX, TARGET, XTYPE, PARTS, KIND)                                                                               \
    __attribute__((always_inline)) static inline TARGET void NAME##_##SUFFIX##_strip(                                                     \
        const int rows, const int columns, const XTYPE *x, int stored, const tala_strip *strip) {                                         \
        enum { step = PARTS < KIND##_STEP ? PARTS : KIND##_STEP };                                                                        \
        const uint8_t *block[most_columns], *after[most_columns];                                                                         \
        /* Of the block at hand and of the next one, in turns; of the next one alone where a block is one step. */                        \
        tala_heads heads[2][most_columns];                                                                                                \
        KIND##_NUMBERS numbers[most_columns], following[most_columns];                                                                    \
        TALA_UNROLL for (int j = 0; j < columns; j++) {                                                                                   \
            block[j] = tala_strip_row(strip, j);                                                                                          \
            heads[0][j] = NAME##_head(block[j], strip->beside);                                                                           \
            if (PARTS == 8) TALA_KEEP(heads[0][j]);                                                                                       \
            numbers[j] = KIND##_OF(NAME)(block[j], 0, &heads[0][j]);                                                                      \
        }                                                                                                                                 \
        __m512 *waiting = strip->waiting;                                                                                                 \
        int turn = 0;                                                                                                                     \
        for (int64_t column = 0; column < strip->columns; column += columns, waiting += rows * columns) {                                 \
            const int64_t ahead = column + columns_ahead < strip->columns ? strip->ahead : strip->ahead_at_end;                           \
            const XTYPE *place = x;                                                                                                       \
            __m512 s[most_rows][most_columns];                                                                                            \
            if (strip->is_first) {                                                                                                        \
                TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                              \
                    TALA_UNROLL for (int j = 0; j < columns; j++) s[i][j] = _mm512_setzero_ps();                                          \
                }                                                                                                                         \
            } else {                                                                                                                      \
                TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                              \
                    TALA_UNROLL for (int j = 0; j < columns; j++) s[i][j] = waiting[i * columns + j];                                     \
                }                                                                                                                         \
            }                                                                                                                             \
            for (int64_t left = strip->blocks; left > 0; left--) {                                                                        \
                const tala_heads *present = heads[turn];                                                                                  \
                turn ^= 1;                                                                                                                \
                tala_heads *future = heads[PARTS > step ? turn : 0];                                                                      \
                TALA_UNROLL for (int j = 0; j < columns; j++) {                                                                           \
                    after[j] = left > 1 ? block[j] + bytes_of_##NAME : tala_strip_row(strip, column + columns + j);                       \
                    future[j] = NAME##_head(after[j], strip->beside);                                                                     \
                    if (PARTS == 8) TALA_KEEP(future[j]);                                                                                 \
                    TALA_UNROLL for (int line = 0; line < bytes_of_##NAME; line += 64) {                                                  \
                        _mm_prefetch((const char *)block[j] + line + ahead, _MM_HINT_T0);                                                 \
                    }                                                                                                                     \
                }                                                                                                                         \
                TALA_UNROLL for (int part = 0; part < PARTS; part += step) {                                                              \
                    TALA_UNROLL for (int j = 0; j < columns; j++) {                                                                       \
                        following[j] = part + step < PARTS ? KIND##_OF(NAME)(block[j], part + step, &present[j])                          \
                                                           : KIND##_OF(NAME)(after[j], 0, &future[j]);                                    \
                        KIND##_FIX(following[j], step)                                                                                    \
                    }                                                                                                                     \
                    TALA_UNROLL for (int j = 0; j < columns; j++) KIND##_FIX(numbers[j], step)                                            \
                    TALA_UNROLL for (int p = 0; p < step; p++) {                                                                          \
                        TALA_UNROLL for (int i = 0; i < rows; i++) KIND##_ADD(place + 32 * ((part + p) * rows + i), p)                    \
                    }                                                                                                                     \
                    TALA_UNROLL for (int j = 0; j < columns; j++) {                                                                       \
                        TALA_FIX_PLACE(block[j]);                                                                                         \
                        numbers[j] = following[j];                                                                                        \
                    }                                                                                                                     \
                }                                                                                                                         \
                TALA_UNROLL for (int j = 0; j < columns; j++) block[j] = after[j];                                                        \
                place += 32 * PARTS * rows;                                                                                               \
            }                                                                                                                             \
            if (!strip->is_last) {                                                                                                        \
                TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                              \
                    TALA_UNROLL for (int j = 0; j < columns; j++) waiting[i * columns + j] = s[i][j];                                     \
                }                                                                                                                         \
                continue;                                                                                                                 \
            }                                                                                                                             \
            const int64_t left = strip->columns - column;                                                                                 \
            const __mmask8 mask = (__mmask8)((1u << (left < columns ? left : columns)) - 1);                                              \
            TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                  \
                const int third = columns > 2 ? 2 : 0, fourth = columns > 3 ? 3 : third;                                                  \
                const __m128 totals = tala_totals(s[i][0], s[i][1], s[i][third], s[i][fourth]);                                           \
                if (i < stored) _mm_mask_storeu_ps(strip->sums + column + i * strip->sums_stride, mask, totals);                          \
            }                                                                                                                             \
        }                                                                                                                                 \
    }                                                                                                                                     \
    TARGET static void NAME##_##SUFFIX(const tala_block_dots *shape, const XTYPE *x, const uint8_t *w, const void *beside, float *sums) { \
        const int rows = (int)shape->rows;                                                                                                \
        const int64_t height = tala_block_dot_height(rows), w_stride = shape->w_stride, blocks = shape->blocks;                           \
        const int64_t piece = tala_piece(blocks, height * 32 * PARTS * (int64_t)sizeof(XTYPE));                                           \
        __m512 waiting[most_rows * strip_columns];                                                                                        \
        for (int64_t column = 0; column < shape->columns; column += strip_columns) {                                                      \
            const int64_t columns = shape->columns - column < strip_columns ? shape->columns - column : strip_columns;                    \
            for (int64_t block = 0; block < blocks; block += piece) {                                                                     \
                const int64_t begin = block * bytes_of_##NAME, count = blocks - block < piece ? blocks - block : piece;                   \
                const int is_last = block + count == blocks;                                                                              \
                const tala_strip strip = {                                                                                                \
                    .w = w + column * w_stride + begin,                                                                                   \
                    .w_stride = w_stride,                                                                                                 \
                    .columns = columns,                                                                                                   \
                    .blocks = count,                                                                                                      \
                    .ahead = columns_ahead * w_stride,                                                                                    \
                    .ahead_at_end =                                                                                                       \
                        is_last ? columns_ahead * w_stride - begin : (columns_ahead - columns) * w_stride + count * bytes_of_##NAME,      \
                    .sums = sums + column,                                                                                                \
                    .sums_stride = shape->sums_stride,                                                                                    \
                    .waiting = waiting,                                                                                                   \
                    .is_first = block == 0,                                                                                               \
                    .is_last = is_last,                                                                                                   \
                    .beside = beside,                                                                                                     \
                };                                                                                                                        \
                const XTYPE *first = x + block * 32 * PARTS * height;                                                                     \
                switch (height) {                                                                                                         \
                case 1: NAME##_##SUFFIX##_strip(1, 4, first, rows, &strip); break;                                                        \
                case 2: NAME##_##SUFFIX##_strip(2, 4, first, rows, &strip); break;                                                        \
                case 4: NAME##_##SUFFIX##_strip(4, PARTS > 1 ? 3 : 4, first, rows, &strip); break;                                        \
                case 6: NAME##_##SUFFIX##_strip(6, 2, first, rows, &strip); break;                                                        \
                default: NAME##_##SUFFIX##_strip(8, 2, first, rows, &strip); break;                                                       \
                }                                                                                                                         \
            }                                                                                                                             \
        }                                                                                                                                 \
    }

/// Float32: a step is a part.
#define TALA_SINGLES_STEP 1
#define TALA_SINGLES_NUMBERS tala_numbers
#define TALA_SINGLES_OF(NAME) NAME
#define TALA_SINGLES_FIX(numbers, step)                                                                                                   \
    {                                                                                                                                     \
        TALA_FIX((numbers).first);                                                                                                        \
        TALA_FIX((numbers).second);                                                                                                       \
    }
#define TALA_SINGLES_ADD(place, p)                                                                                                        \
    {                                                                                                                                     \
        const __m512 first = _mm512_loadu_ps(place), second = _mm512_loadu_ps((place) + 16);                                              \
        TALA_UNROLL for (int j = 0; j < columns; j++) s[i][j] = _mm512_fmadd_ps(first, numbers[j].first, s[i][j]);                        \
        TALA_UNROLL for (int j = 0; j < columns; j++) s[i][j] = _mm512_fmadd_ps(second, numbers[j].second, s[i][j]);                      \
    }

/// Bfloat16: a step is two parts where a block has them.
#define TALA_PAIRS_STEP 2
#define TALA_PAIRS_NUMBERS tala_halves
#define TALA_PAIRS_OF(NAME) NAME##_narrow
#define TALA_PAIRS_FIX(numbers, step)                                                                                                     \
    {                                                                                                                                     \
        TALA_FIX((numbers).parts[0]);                                                                                                     \
        if (step > 1) TALA_FIX((numbers).parts[1]);                                                                                       \
    }
#define TALA_PAIRS_ADD(place, p)                                                                                                          \
    {                                                                                                                                     \
        const __m512bh pairs = (__m512bh)_mm512_loadu_si512(place);                                                                       \
        TALA_UNROLL for (int j = 0; j < columns; j++) s[i][j] = _mm512_dpbf16_ps(s[i][j], pairs, (__m512bh)numbers[j].parts[p]);          \
    }

#endif
