// Up to six rows of x meet four rows of the weight: 24 vectors of sums stay in registers, and a
// weight is read from memory once. Neither the tile in which a row stands nor the thread that
// computes it changes the order of its sum. In C because the sums need masks and instructions that
// Swift has no words for, and tiles that are unrolled for certain.
#include "row_dots.h"

#if defined(__x86_64__)
#include "vector_sums.h"

#define TALA_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define TALA_TARGET_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

enum {
    most_rows = 6,
    tile_columns = 4,
    /// Bytes by which a weight is fetched ahead: to the next four rows where they are near, since
    /// rows are too short for the processor to foresee what follows.
    farthest_tile = 100000,
    bytes_ahead = 1024,
};

/// A tile of `rows` rows of x and four of the weight; `STEP` numbers a vector.
#define TALA_TILE(NAME, TARGET, XTYPE, WTYPE, VECTOR, STEP, LOADX, LOADW, PARTX, PARTW, ADD)                                              \
    __attribute__((always_inline)) static inline TARGET void NAME##_tile(                                                                 \
        const int rows, const XTYPE *x, int64_t x_stride, const WTYPE *const w[tile_columns], int64_t k, float *sums,                     \
        int64_t sums_stride, int columns, int64_t ahead) {                                                                                \
        __m512 s[most_rows][tile_columns];                                                                                                \
        TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                      \
            TALA_UNROLL for (int j = 0; j < tile_columns; j++) s[i][j] = _mm512_setzero_ps();                                             \
        }                                                                                                                                 \
        int64_t at = 0;                                                                                                                   \
        for (; at + STEP <= k; at += STEP) {                                                                                              \
            VECTOR b[tile_columns];                                                                                                       \
            TALA_UNROLL for (int j = 0; j < tile_columns; j++) {                                                                          \
                b[j] = LOADW(w[j] + at);                                                                                                  \
                _mm_prefetch((const char *)(w[j] + at) + ahead, _MM_HINT_T0);                                                             \
            }                                                                                                                             \
            TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                  \
                VECTOR a = LOADX(x + i * x_stride + at);                                                                                  \
                TALA_UNROLL for (int j = 0; j < tile_columns; j++) s[i][j] = ADD(s[i][j], a, b[j]);                                       \
            }                                                                                                                             \
        }                                                                                                                                 \
        if (at < k) {                                                                                                                     \
            const uint32_t mask = (1u << (k - at)) - 1;                                                                                   \
            VECTOR b[tile_columns];                                                                                                       \
            TALA_UNROLL for (int j = 0; j < tile_columns; j++) b[j] = PARTW(mask, w[j] + at);                                             \
            TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                  \
                VECTOR a = PARTX(mask, x + i * x_stride + at);                                                                            \
                TALA_UNROLL for (int j = 0; j < tile_columns; j++) s[i][j] = ADD(s[i][j], a, b[j]);                                       \
            }                                                                                                                             \
        }                                                                                                                                 \
        TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                      \
            _mm_mask_storeu_ps(sums + i * sums_stride, (__mmask8)((1u << columns) - 1), tala_totals(s[i][0], s[i][1], s[i][2], s[i][3]));      \
        }                                                                                                                                 \
    }                                                                                                                                     \
    TARGET void NAME(const tala_row_dots *shape, const XTYPE *x, const WTYPE *w, float *sums) {                                           \
        const int64_t k = shape->k, x_stride = shape->x_stride, sums_stride = shape->sums_stride;                                         \
        const int64_t tile_bytes = tile_columns * shape->w_stride * (int64_t)sizeof(WTYPE);                                               \
        const int64_t ahead = tile_bytes <= farthest_tile ? tile_bytes : bytes_ahead;                                                     \
        for (int64_t column = 0; column < shape->columns; column += tile_columns) {                                                       \
            const int columns = shape->columns - column < tile_columns ? (int)(shape->columns - column) : tile_columns;                   \
            const WTYPE *rows_of_w[tile_columns];                                                                                         \
            /* What is past the end reads the last again and is not stored. */                                                            \
            for (int j = 0; j < tile_columns; j++) rows_of_w[j] = w + (column + (j < columns ? j : columns - 1)) * shape->w_stride;       \
            /* Tiles of nearly one height: seven rows are four and three. */                                                              \
            int64_t tiles = (shape->rows + most_rows - 1) / most_rows;                                                                    \
            for (int64_t row = 0, left = shape->rows; left > 0; tiles--) {                                                                \
                const int64_t rows = (left + tiles - 1) / tiles;                                                                          \
                const XTYPE *first = x + row * x_stride;                                                                                  \
                float *target = sums + row * sums_stride + column;                                                                        \
                switch (rows) {                                                                                                           \
                case 1: NAME##_tile(1, first, x_stride, rows_of_w, k, target, sums_stride, columns, ahead); break;                        \
                case 2: NAME##_tile(2, first, x_stride, rows_of_w, k, target, sums_stride, columns, ahead); break;                        \
                case 3: NAME##_tile(3, first, x_stride, rows_of_w, k, target, sums_stride, columns, ahead); break;                        \
                case 4: NAME##_tile(4, first, x_stride, rows_of_w, k, target, sums_stride, columns, ahead); break;                        \
                case 5: NAME##_tile(5, first, x_stride, rows_of_w, k, target, sums_stride, columns, ahead); break;                        \
                default: NAME##_tile(6, first, x_stride, rows_of_w, k, target, sums_stride, columns, ahead); break;                       \
                }                                                                                                                         \
                row += rows;                                                                                                              \
                left -= rows;                                                                                                             \
            }                                                                                                                             \
        }                                                                                                                                 \
    }

#define TALA_LOAD_FLOATS(p) _mm512_loadu_ps(p)
#define TALA_LOAD_PART_FLOATS(mask, p) _mm512_maskz_loadu_ps((__mmask16)(mask), p)
#define TALA_LOAD_WIDENED(p)                                                                                                              \
    _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(p))), 16))
#define TALA_LOAD_PART_WIDENED(mask, p)                                                                                                   \
    _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16((__mmask16)(mask), p)), 16))
#define TALA_LOAD_PAIRS(p) _mm512_loadu_si512(p)
#define TALA_LOAD_PART_PAIRS(mask, p) _mm512_maskz_loadu_epi16((__mmask32)(mask), p)
#define TALA_ADD_FLOATS(sum, a, b) _mm512_fmadd_ps(a, b, sum)
#define TALA_ADD_PAIRS(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))

TALA_TILE(
    tala_row_dots_float32, TALA_TARGET, float, float, __m512, 16, TALA_LOAD_FLOATS, TALA_LOAD_FLOATS, TALA_LOAD_PART_FLOATS,
    TALA_LOAD_PART_FLOATS, TALA_ADD_FLOATS)
TALA_TILE(
    tala_row_dots_widened, TALA_TARGET, float, uint16_t, __m512, 16, TALA_LOAD_FLOATS, TALA_LOAD_WIDENED, TALA_LOAD_PART_FLOATS,
    TALA_LOAD_PART_WIDENED, TALA_ADD_FLOATS)
TALA_TILE(
    tala_row_dots_bfloat16, TALA_TARGET_BF16, uint16_t, uint16_t, __m512i, 32, TALA_LOAD_PAIRS, TALA_LOAD_PAIRS, TALA_LOAD_PART_PAIRS,
    TALA_LOAD_PART_PAIRS, TALA_ADD_PAIRS)

#else

void tala_row_dots_float32(const tala_row_dots *shape, const float *x, const float *w, float *sums) {}
void tala_row_dots_widened(const tala_row_dots *shape, const float *x, const uint16_t *w, float *sums) {}
void tala_row_dots_bfloat16(const tala_row_dots *shape, const uint16_t *x, const uint16_t *w, float *sums) {}

#endif
