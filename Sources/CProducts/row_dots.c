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
    /// With many rows of x weights are fetched ahead by some tiles where those are near, since rows
    /// are too short for the processor to foresee what follows; else by so many bytes.
    farthest_tile = 100000,
    bytes_ahead = 1024,
    /// With few rows memory is slower than the sums. Then what is so many bytes ahead is fetched in
    /// the order in which it lies, where rows follow each other without gaps: memory gives that
    /// faster than lines of four rows in turns.
    streamed_ahead = 14336,
    most_streamed_tiles = 2,
};

/// Where a tile's fetching begins behind its weights, how far its four lines are from each other,
/// and how far they move with each step, in bytes.
typedef struct {
    int64_t ahead, gap, advance;
} tala_fetching;

static tala_fetching fetching(int64_t tiles_of_x, int64_t row_bytes, int64_t step_bytes, int has_gaps) {
    if (tiles_of_x <= most_streamed_tiles && !has_gaps) {
        return (tala_fetching){streamed_ahead, step_bytes, tile_columns * step_bytes};
    }
    const int64_t tile = tile_columns * row_bytes;
    const int64_t tiles = tiles_of_x == 1 ? 2 : tiles_of_x == 2 ? 3 : tiles_of_x == 3 ? 2 : 1;
    return (tala_fetching){tile <= farthest_tile ? tiles * tile : bytes_ahead, row_bytes, step_bytes};
}

/// Writes the sums of a tile: four columns, or one.
#define TALA_STORE(row, place)                                                                                                            \
    if (row < rows) {                                                                                                                     \
        const __m128 own = _mm512_extractf32x4_ps(totals, place);                                                                         \
        if (columns == tile_columns) {                                                                                                    \
            _mm_storeu_ps(sums + (row) * sums_stride, own);                                                                               \
        } else {                                                                                                                          \
            _mm_store_ss(sums + (row) * sums_stride, own);                                                                                \
        }                                                                                                                                 \
    }

/// A tile of `rows` rows of x and four of the weight; `STEP` numbers a vector. Its addresses move
/// on with each step, and the compiler is not told how they hang together: it would keep one for
/// each row, in more registers than there are.
#define TALA_TILE(NAME, TARGET, XTYPE, WTYPE, VECTOR, STEP, LOADX, LOADW, PARTX, PARTW, ADD)                                              \
    __attribute__((always_inline)) static inline TARGET void NAME##_tile(                                                                 \
        const int rows, const XTYPE *x, int64_t x_stride, const WTYPE *w, int64_t w_stride, int64_t k, float *sums, int64_t sums_stride,  \
        int columns, const tala_fetching fetched) {                                                                                       \
        __m512 s[most_rows][tile_columns];                                                                                                \
        TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                      \
            TALA_UNROLL for (int j = 0; j < tile_columns; j++) s[i][j] = _mm512_setzero_ps();                                             \
        }                                                                                                                                 \
        const XTYPE *lower = x + 3 * x_stride;                                                                                            \
        const char *next = (const char *)w + fetched.ahead;                                                                               \
        int64_t gap = fetched.gap, third_gap = 3 * fetched.gap, advance = fetched.advance;                                                \
        int64_t third = 3 * w_stride;                                                                                                     \
        for (int64_t steps = k / STEP; steps > 0; steps--) {                                                                              \
            __asm__("" : "+r"(x), "+r"(lower), "+r"(w), "+r"(next), "+r"(third), "+r"(gap), "+r"(third_gap), "+r"(advance));              \
            VECTOR b[tile_columns] = {LOADW(w), LOADW(w + w_stride), LOADW(w + 2 * w_stride), LOADW(w + third)};                          \
            _mm_prefetch(next, _MM_HINT_T0);                                                                                              \
            _mm_prefetch(next + gap, _MM_HINT_T0);                                                                                        \
            _mm_prefetch(next + 2 * gap, _MM_HINT_T0);                                                                                    \
            _mm_prefetch(next + third_gap, _MM_HINT_T0);                                                                                  \
            TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                  \
                VECTOR a = LOADX(i < 3 ? x + i * x_stride : lower + (i - 3) * x_stride);                                                  \
                TALA_UNROLL for (int j = 0; j < tile_columns; j++) s[i][j] = ADD(s[i][j], a, b[j]);                                       \
            }                                                                                                                             \
            x += STEP;                                                                                                                    \
            lower += STEP;                                                                                                                \
            w += STEP;                                                                                                                    \
            next += advance;                                                                                                              \
        }                                                                                                                                 \
        if (k % STEP != 0) {                                                                                                              \
            const uint32_t mask = (1u << (k % STEP)) - 1;                                                                                 \
            VECTOR b[tile_columns];                                                                                                       \
            TALA_UNROLL for (int j = 0; j < tile_columns; j++) b[j] = PARTW(mask, w + j * w_stride);                                      \
            TALA_UNROLL for (int i = 0; i < rows; i++) {                                                                                  \
                VECTOR a = PARTX(mask, i < 3 ? x + i * x_stride : lower + (i - 3) * x_stride);                                            \
                TALA_UNROLL for (int j = 0; j < tile_columns; j++) s[i][j] = ADD(s[i][j], a, b[j]);                                       \
            }                                                                                                                             \
        }                                                                                                                                 \
        __m512 quarters[most_rows + 2];                                                                                                   \
        TALA_UNROLL for (int i = 0; i < most_rows + 2; i++) {                                                                             \
            const int row = i < rows ? i : rows - 1;                                                                                      \
            quarters[i] = tala_quarters(s[row][0], s[row][1], s[row][2], s[row][3]);                                                      \
        }                                                                                                                                 \
        TALA_UNROLL for (int i = 0; i < most_rows; i += 4) {                                                                              \
            if (i >= rows) continue;                                                                                                      \
            const __m512 totals = tala_rows_of_sums(quarters[i], quarters[i + 1], quarters[i + 2], quarters[i + 3]);                      \
            TALA_STORE(i, 0)                                                                                                              \
            TALA_STORE(i + 1, 1)                                                                                                          \
            TALA_STORE(i + 2, 2)                                                                                                          \
            TALA_STORE(i + 3, 3)                                                                                                          \
        }                                                                                                                                 \
    }                                                                                                                                     \
    TARGET void NAME(const tala_row_dots *shape, const XTYPE *x, const WTYPE *w, float *sums) {                                           \
        const int64_t k = shape->k, x_stride = shape->x_stride, sums_stride = shape->sums_stride;                                         \
        const int64_t tiles_of_x = (shape->rows + most_rows - 1) / most_rows;                                                             \
        const tala_fetching fetched =                                                                                                     \
            fetching(tiles_of_x, shape->w_stride * (int64_t)sizeof(WTYPE), STEP * (int64_t)sizeof(WTYPE), shape->w_stride != k);          \
        for (int64_t column = 0; column < shape->columns;) {                                                                              \
            int columns = tile_columns;                                                                                                   \
            int64_t w_stride = shape->w_stride;                                                                                           \
            /* The last tile begins so early that it is whole: it computes the same sums again. Where */                                  \
            /* there are not four columns, a tile is one column, four times. */                                                           \
            if (shape->columns < tile_columns) {                                                                                          \
                columns = 1;                                                                                                              \
                w_stride = 0;                                                                                                             \
            } else if (column > shape->columns - tile_columns) {                                                                          \
                column = shape->columns - tile_columns;                                                                                   \
            }                                                                                                                             \
            const WTYPE *rows_of_w = w + column * shape->w_stride;                                                                        \
            /* Tiles of nearly one height: seven rows are four and three. */                                                              \
            int64_t tiles = tiles_of_x;                                                                                                   \
            for (int64_t row = 0, left = shape->rows; left > 0; tiles--) {                                                                \
                const int64_t rows = (left + tiles - 1) / tiles;                                                                          \
                const XTYPE *first = x + row * x_stride;                                                                                  \
                float *target = sums + row * sums_stride + column;                                                                        \
                switch (rows) {                                                                                                           \
                case 1: NAME##_tile(1, first, x_stride, rows_of_w, w_stride, k, target, sums_stride, columns, fetched); break;            \
                case 2: NAME##_tile(2, first, x_stride, rows_of_w, w_stride, k, target, sums_stride, columns, fetched); break;            \
                case 3: NAME##_tile(3, first, x_stride, rows_of_w, w_stride, k, target, sums_stride, columns, fetched); break;            \
                case 4: NAME##_tile(4, first, x_stride, rows_of_w, w_stride, k, target, sums_stride, columns, fetched); break;            \
                case 5: NAME##_tile(5, first, x_stride, rows_of_w, w_stride, k, target, sums_stride, columns, fetched); break;            \
                default: NAME##_tile(6, first, x_stride, rows_of_w, w_stride, k, target, sums_stride, columns, fetched); break;           \
                }                                                                                                                         \
                row += rows;                                                                                                              \
                left -= rows;                                                                                                             \
            }                                                                                                                             \
            column += columns;                                                                                                            \
        }                                                                                                                                 \
    }

#define TALA_LOAD_FLOATS(p) _mm512_loadu_ps(p)
#define TALA_LOAD_PART_FLOATS(mask, p) _mm512_maskz_loadu_ps((__mmask16)(mask), p)
#define TALA_LOAD_WIDENED(p)                                                                                                              \
    _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(p))), 16))
#define TALA_LOAD_PART_WIDENED(mask, p)                                                                                                   \
    _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16((__mmask16)(mask), p)), 16))
#define TALA_LOAD_HALVES(p) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(p)))
#define TALA_LOAD_PART_HALVES(mask, p) _mm512_cvtph_ps(_mm256_maskz_loadu_epi16((__mmask16)(mask), p))
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
    tala_row_dots_halves, TALA_TARGET, float, uint16_t, __m512, 16, TALA_LOAD_FLOATS, TALA_LOAD_HALVES, TALA_LOAD_PART_FLOATS,
    TALA_LOAD_PART_HALVES, TALA_ADD_FLOATS)
TALA_TILE(
    tala_row_dots_bfloat16, TALA_TARGET_BF16, uint16_t, uint16_t, __m512i, 32, TALA_LOAD_PAIRS, TALA_LOAD_PAIRS, TALA_LOAD_PART_PAIRS,
    TALA_LOAD_PART_PAIRS, TALA_ADD_PAIRS)

#else

void tala_row_dots_float32(const tala_row_dots *shape, const float *x, const float *w, float *sums) {}
void tala_row_dots_widened(const tala_row_dots *shape, const float *x, const uint16_t *w, float *sums) {}
void tala_row_dots_halves(const tala_row_dots *shape, const float *x, const uint16_t *w, float *sums) {}
void tala_row_dots_bfloat16(const tala_row_dots *shape, const uint16_t *x, const uint16_t *w, float *sums) {}

#endif
