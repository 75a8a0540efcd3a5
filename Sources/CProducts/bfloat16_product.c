// One instruction multiplies sixteen pairs of numbers by sixteen others and adds each pair's two
// products to one of sixteen sums. So b is laid out anew, a panel of up to 64 columns at a time:
// for each pair of inner indices the pairs of all columns, side by side. Six rows of a then meet a
// panel: 24 vectors of sums stay in registers, beside four vectors of b and one pair of a. A panel
// is used for all rows of a before the next one is made, and lies in the second-level cache. In C
// because Swift has no words for the instructions, nor for compiling one function for a newer
// processor than the rest.
#include "bfloat16_product.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TALA_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define TALA_INLINE __attribute__((always_inline)) static inline TALA_TARGET
#define TALA_UNROLL _Pragma("clang loop unroll(full)")

enum {
    /// Rows of a that meet a panel together: with three or four vectors of columns, and twice as
    /// many with one or two, so that a sum is not added to before the addition to it has ended.
    block_rows = 6,
    most_rows = 2 * block_rows,
    /// Vectors of sixteen columns in a panel.
    panel_vectors = 4,
    panel_columns = 16 * panel_vectors,
    vector_bytes = 64,
    /// A panel covers at most so many inner indices, so that it and the rows of a beside it stay in
    /// the second-level cache.
    longest_inner = 1024,
    /// Rows of b that are fetched ahead while a panel is made, and bytes of each of b's columns
    /// where those lie side by side: enough to hide memory's delay, which no processor foresees
    /// over rows that are pages apart.
    rows_ahead = 24,
    bytes_ahead = 512,
};

int tala_has_bfloat16_products(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bf16");
}

/// How the inner indices are cut into pieces, and where working memory holds what.
typedef struct {
    /// Inner indices of a piece, even; the last piece may have fewer.
    int64_t piece;
    /// Offsets of the sums of a panel's columns over the pieces so far, and of the pairs of a
    /// transposed a.
    size_t sums, pairs, total;
} tala_layout;

static tala_layout layout_of(const tala_bfloat16_product *product) {
    int64_t pieces = (product->k + longest_inner - 1) / longest_inner;
    tala_layout layout;
    layout.piece = pieces > 1 ? ((product->k + pieces - 1) / pieces + 31) / 32 * 32 : (product->k + 1) / 2 * 2;
    layout.sums = (size_t)layout.piece / 2 * panel_columns * 4;
    layout.pairs = layout.sums + (pieces > 1 ? (size_t)product->m * panel_columns * 4 : 0);
    size_t panels = product->transposes_a ? (size_t)((product->m + panel_columns - 1) / panel_columns) : 0;
    layout.total = layout.pairs + panels * panel_columns * (size_t)((product->k + 1) / 2) * 4 + vector_bytes;
    return layout;
}

size_t tala_bfloat16_product_scratch(const tala_bfloat16_product *product) { return layout_of(product).total; }

/// What becomes of the sums of a block.
typedef struct {
    /// Sums of the pieces before, and room for those of this one; rows are `panel_columns` apart.
    float *sums;
    char *c;
    int64_t c_stride;
    /// The columns of the last vector.
    __mmask16 last;
    int is_first, is_last, gives_bfloat16, accumulates;
} tala_output;

/// Where the pairs of some rows of a stand: pair p of row r at first + r * row_bytes + p *
/// pair_bytes.
typedef struct {
    const char *first;
    int64_t row_bytes, pair_bytes;
} tala_rows;

/// The address of a row's next pair; `quarters` are those of rows 0, 3, 6 and 9.
TALA_INLINE const char *pair_at(const char *const quarters[4], int row, int64_t row_bytes) { return quarters[row / 3] + row % 3 * row_bytes; }

/// One pair in all sixteen places.
TALA_INLINE __m512bh all_of(int32_t pair) {
    __m512i pairs = _mm512_set1_epi32(pair);
    // The compiler must not look into it as a vector of bfloat16: clang 17 (Swift 6.0) crashes over
    // that.
    __asm__("" : "+v"(pairs));
    return (__m512bh)pairs;
}

/// `rows` rows of a times a panel of `vectors` vectors.
TALA_INLINE void multiply(
    const int rows, const int vectors, const tala_rows *a, const char *panel, int64_t pairs, int has_single, const tala_output *output) {
    __m512 sums[most_rows][panel_vectors];
    TALA_UNROLL for (int row = 0; row < rows; row++) {
        TALA_UNROLL for (int v = 0; v < vectors; v++) sums[row][v] = _mm512_setzero_ps();
    }
    const int64_t row_bytes = a->row_bytes, pair_bytes = a->pair_bytes;
    const char *quarters[4] = {
        a->first, a->first + 3 * row_bytes, a->first + 6 * row_bytes, a->first + 9 * row_bytes};
    for (int64_t p = 0; p < pairs; p++) {
        __m512bh b[panel_vectors];
        TALA_UNROLL for (int v = 0; v < vectors; v++) b[v] = (__m512bh)_mm512_load_si512(panel + v * vector_bytes);
        TALA_UNROLL for (int row = 0; row < rows; row++) {
            int32_t pair;
            __builtin_memcpy(&pair, pair_at(quarters, row, row_bytes), sizeof pair);
            __m512bh both = all_of(pair);
            TALA_UNROLL for (int v = 0; v < vectors; v++) sums[row][v] = _mm512_dpbf16_ps(sums[row][v], both, b[v]);
        }
        panel += vectors * vector_bytes;
        TALA_UNROLL for (int i = 0; i < 4; i++) quarters[i] += pair_bytes;
    }
    if (has_single) {
        // The last inner index has no partner: what stands behind it in a is not a's, and may not
        // be a number.
        TALA_UNROLL for (int row = 0; row < rows; row++) {
            uint16_t single;
            __builtin_memcpy(&single, pair_at(quarters, row, row_bytes), sizeof single);
            __m512bh alone = all_of(single);
            TALA_UNROLL for (int v = 0; v < vectors; v++) {
                sums[row][v] = _mm512_dpbf16_ps(sums[row][v], alone, (__m512bh)_mm512_load_si512(panel + v * vector_bytes));
            }
        }
    }
    if (!output->is_first) {
        TALA_UNROLL for (int row = 0; row < rows; row++) {
            TALA_UNROLL for (int v = 0; v < vectors; v++) {
                sums[row][v] = _mm512_add_ps(_mm512_load_ps(output->sums + row * panel_columns + v * 16), sums[row][v]);
            }
        }
    }
    if (!output->is_last) {
        TALA_UNROLL for (int row = 0; row < rows; row++) {
            TALA_UNROLL for (int v = 0; v < vectors; v++) _mm512_store_ps(output->sums + row * panel_columns + v * 16, sums[row][v]);
        }
        return;
    }
    if (output->gives_bfloat16) {
        TALA_UNROLL for (int row = 0; row < rows; row++) {
            TALA_UNROLL for (int v = 0; v < vectors; v++) {
                __mmask16 columns = v == vectors - 1 ? output->last : 0xffff;
                uint16_t *target = (uint16_t *)output->c + row * output->c_stride + v * 16;
                __m512 sum = sums[row][v];
                if (output->accumulates) {
                    __m512i before = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(columns, target));
                    sum = _mm512_add_ps(_mm512_castsi512_ps(_mm512_slli_epi32(before, 16)), sum);
                }
                _mm256_mask_storeu_epi16(target, columns, (__m256i)_mm512_cvtneps_pbh(sum));
            }
        }
    } else {
        TALA_UNROLL for (int row = 0; row < rows; row++) {
            TALA_UNROLL for (int v = 0; v < vectors; v++) {
                __mmask16 columns = v == vectors - 1 ? output->last : 0xffff;
                float *target = (float *)output->c + row * output->c_stride + v * 16;
                __m512 sum = sums[row][v];
                if (output->accumulates) sum = _mm512_add_ps(_mm512_maskz_loadu_ps(columns, target), sum);
                _mm512_mask_storeu_ps(target, columns, sum);
            }
        }
    }
}

typedef void (*tala_block)(const tala_rows *, const char *, int64_t, int, const tala_output *);

#define TALA_BLOCK(rows, vectors)                                                                                                       \
    TALA_TARGET static void multiply_##rows##_##vectors(                                                                                \
        const tala_rows *a, const char *panel, int64_t pairs, int has_single, const tala_output *output) {                              \
        multiply(rows, vectors, a, panel, pairs, has_single, output);                                                                   \
    }
#define TALA_NARROW(rows) TALA_BLOCK(rows, 1) TALA_BLOCK(rows, 2)
#define TALA_WIDE(rows) TALA_BLOCK(rows, 3) TALA_BLOCK(rows, 4)
// clang-format off
TALA_NARROW(1) TALA_NARROW(2) TALA_NARROW(3) TALA_NARROW(4) TALA_NARROW(5) TALA_NARROW(6)
TALA_NARROW(7) TALA_NARROW(8) TALA_NARROW(9) TALA_NARROW(10) TALA_NARROW(11) TALA_NARROW(12)
TALA_WIDE(1) TALA_WIDE(2) TALA_WIDE(3) TALA_WIDE(4) TALA_WIDE(5) TALA_WIDE(6)
#define TALA_ALL(rows) {multiply_##rows##_1, multiply_##rows##_2, multiply_##rows##_3, multiply_##rows##_4}
#define TALA_FEW(rows) {multiply_##rows##_1, multiply_##rows##_2, 0, 0}
static const tala_block blocks[most_rows][panel_vectors] = {
    TALA_ALL(1), TALA_ALL(2), TALA_ALL(3), TALA_ALL(4), TALA_ALL(5), TALA_ALL(6),
    TALA_FEW(7), TALA_FEW(8), TALA_FEW(9), TALA_FEW(10), TALA_FEW(11), TALA_FEW(12),
};
// clang-format on

/// Sixteen numbers of one row and of the next, in pairs; the second may be absent.
TALA_INLINE __m512i pairs_of(const uint16_t *first, const uint16_t *second, __mmask16 columns) {
    __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(columns, first));
    if (!second) return low;
    return _mm512_or_si512(low, _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(columns, second)), 16));
}

/// A panel from rows of b: `k` rows, `b_stride` apart.
TALA_TARGET static void pack_rows(const uint16_t *b, int64_t b_stride, int64_t k, int vectors, __mmask16 last, char *panel) {
    for (int64_t inner = 0; inner < k; inner += 2) {
        for (int64_t row = rows_ahead; row < rows_ahead + 2 && inner + row < k; row++) {
            _mm_prefetch((const char *)(b + row * b_stride), _MM_HINT_T0);
            _mm_prefetch((const char *)(b + row * b_stride) + vector_bytes, _MM_HINT_T0);
        }
        for (int v = 0; v < vectors; v++) {
            const uint16_t *first = b + v * 16;
            __m512i pairs = pairs_of(first, inner + 1 < k ? first + b_stride : 0, v == vectors - 1 ? last : 0xffff);
            _mm512_store_si512(panel + v * vector_bytes, pairs);
        }
        b += 2 * b_stride;
        panel += vectors * vector_bytes;
    }
}

/// Turns sixteen rows of sixteen words.
TALA_INLINE void transpose(__m512i rows[16]) {
    __m512i mixed[16];
    TALA_UNROLL for (int i = 0; i < 16; i += 2) {
        mixed[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        mixed[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    TALA_UNROLL for (int i = 0; i < 16; i += 4) {
        rows[i] = _mm512_unpacklo_epi64(mixed[i], mixed[i + 2]);
        rows[i + 1] = _mm512_unpackhi_epi64(mixed[i], mixed[i + 2]);
        rows[i + 2] = _mm512_unpacklo_epi64(mixed[i + 1], mixed[i + 3]);
        rows[i + 3] = _mm512_unpackhi_epi64(mixed[i + 1], mixed[i + 3]);
    }
    // Each quarter of a vector is right now; quarters change places in two steps.
    TALA_UNROLL for (int i = 0; i < 4; i++) {
        mixed[i] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
        mixed[i + 4] = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xdd);
        mixed[i + 8] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
        mixed[i + 12] = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xdd);
    }
    TALA_UNROLL for (int i = 0; i < 4; i++) {
        rows[i] = _mm512_shuffle_i32x4(mixed[i], mixed[i + 8], 0x88);
        rows[i + 8] = _mm512_shuffle_i32x4(mixed[i], mixed[i + 8], 0xdd);
        rows[i + 4] = _mm512_shuffle_i32x4(mixed[i + 4], mixed[i + 12], 0x88);
        rows[i + 12] = _mm512_shuffle_i32x4(mixed[i + 4], mixed[i + 12], 0xdd);
    }
}

/// A panel from columns of b, each `k` numbers side by side and `b_stride` from the next; the last
/// vector has `last_columns` of them.
TALA_TARGET static void pack_columns(const uint16_t *b, int64_t b_stride, int64_t k, int vectors, int last_columns, char *panel) {
    for (int v = 0; v < vectors; v++) {
        int columns = v == vectors - 1 ? last_columns : 16;
        const uint16_t *source = b + v * 16 * b_stride;
        for (int64_t inner = 0; inner < k; inner += 32) {
            int64_t count = k - inner < 32 ? k - inner : 32;
            char *target = panel + (inner / 2 * vectors + v) * vector_bytes;
            __m512i rows[16];
            if (columns == 16 && count == 32) {
                TALA_UNROLL for (int i = 0; i < 16; i++) {
                    rows[i] = _mm512_loadu_si512(source + i * b_stride + inner);
                    _mm_prefetch((const char *)(source + i * b_stride + inner) + bytes_ahead, _MM_HINT_T0);
                }
                transpose(rows);
                TALA_UNROLL for (int i = 0; i < 16; i++) _mm512_store_si512(target + (int64_t)i * vectors * vector_bytes, rows[i]);
            } else {
                __mmask32 numbers = count == 32 ? 0xffffffffu : (1u << count) - 1;
                TALA_UNROLL for (int i = 0; i < 16; i++) {
                    rows[i] = i < columns ? _mm512_maskz_loadu_epi16(numbers, source + i * b_stride + inner) : _mm512_setzero_si512();
                }
                transpose(rows);
                for (int i = 0; i < (count + 1) / 2; i++) _mm512_store_si512(target + (int64_t)i * vectors * vector_bytes, rows[i]);
            }
        }
    }
}

/// Some rows of a times a panel, block by block.
TALA_TARGET static void multiply_panel(
    tala_rows a, int64_t count, const char *panel, int vectors, int64_t length, int is_packed, tala_output *output) {
    const int64_t together = vectors <= 2 ? most_rows : block_rows;
    for (int64_t row = 0; row < count; row += together) {
        const int64_t rows = count - row < together ? count - row : together;
        // What was laid out in pairs has a zero behind a single last number.
        blocks[rows - 1][vectors - 1](&a, panel, is_packed ? (length + 1) / 2 : length / 2, is_packed ? 0 : (int)(length & 1), output);
        a.first += rows * a.row_bytes;
        output->sums += rows * panel_columns;
        output->c += rows * output->c_stride * (output->gives_bfloat16 ? 2 : 4);
    }
}

TALA_TARGET void tala_run_bfloat16_product(const tala_bfloat16_product *product, const void *a, const void *b, void *c, void *scratch) {
    const tala_layout layout = layout_of(product);
    const int64_t m = product->m, n = product->n, k = product->k;
    char *panel = (char *)(((uintptr_t)scratch + vector_bytes - 1) / vector_bytes * vector_bytes), *sums = panel + layout.sums, *pairs = panel + layout.pairs;
    // A transposed a is laid out as b is; its pairs are taken one by one.
    const int64_t panel_bytes = (k + 1) / 2 * panel_columns * 4;
    for (int64_t top = 0; product->transposes_a && top < m; top += panel_columns) {
        const int64_t rows = m - top < panel_columns ? m - top : panel_columns;
        const __mmask16 last = (__mmask16)((1u << ((rows - 1) % 16 + 1)) - 1);
        pack_rows((const uint16_t *)a + top, product->a_stride, k, (int)((rows + 15) / 16), last, pairs + top / panel_columns * panel_bytes);
    }
    for (int64_t left = 0; left < n; left += panel_columns) {
        const int64_t width = n - left < panel_columns ? n - left : panel_columns;
        const int vectors = (int)((width + 15) / 16), last_columns = (int)(width - (vectors - 1) * 16);
        const __mmask16 last = (__mmask16)((1u << last_columns) - 1);
        for (int64_t start = 0; start < k; start += layout.piece) {
            const int64_t length = k - start < layout.piece ? k - start : layout.piece;
            if (product->transposes_b) {
                pack_columns((const uint16_t *)b + left * product->b_stride + start, product->b_stride, length, vectors, last_columns, panel);
            } else {
                pack_rows((const uint16_t *)b + start * product->b_stride + left, product->b_stride, length, vectors, last, panel);
            }
            tala_output output = {
                .c_stride = product->c_stride, .last = last, .is_first = start == 0, .is_last = start + length == k,
                .gives_bfloat16 = product->gives_bfloat16, .accumulates = product->accumulates};
            const int64_t together = product->transposes_a ? panel_columns : m;
            for (int64_t top = 0; top < m; top += together) {
                const int64_t end = m - top < together ? m : top + together;
                const int64_t pair_bytes = (end - top + 15) / 16 * vector_bytes;
                const tala_rows rows = product->transposes_a
                    ? (tala_rows){pairs + top / panel_columns * panel_bytes + start / 2 * pair_bytes, 4, pair_bytes}
                    : (tala_rows){(const char *)a + (top * product->a_stride + start) * 2, product->a_stride * 2, 4};
                output.sums = (float *)(sums + top * panel_columns * 4);
                output.c = (char *)c + (top * product->c_stride + left) * (product->gives_bfloat16 ? 2 : 4);
                multiply_panel(rows, end - top, panel, vectors, length, product->transposes_a, &output);
            }
        }
    }
}

#else
int tala_has_bfloat16_products(void) { return 0; }
size_t tala_bfloat16_product_scratch(const tala_bfloat16_product *product) { return 0; }
void tala_run_bfloat16_product(const tala_bfloat16_product *product, const void *a, const void *b, void *c, void *scratch) {}
#endif
