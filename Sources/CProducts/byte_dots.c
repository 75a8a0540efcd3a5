// A byte of the weight and 128 is a number without a sign, as the instruction wants one side; what
// that adds to a sum is the block's sum of activations times 128 and is taken off again, block by
// block, in a sum of its own. Activations have 15 bits, in two bytes: two products of whole
// numbers, which nothing rounds.
#include "byte_dots.h"

#if defined(__x86_64__)
#include "vector_sums.h"

#define TALA_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")))
#define TALA_INLINE __attribute__((always_inline)) static inline TALA_TARGET

enum { block = 32, most_rows = 4, most_columns = 4, blocks_together = 16 };

int tala_has_byte_products(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}

// A row: high bytes, low bytes, scales, scales times -128 times the block's sum; each part is a
// whole number of cache lines, filled up with zeros.
static int64_t bytes_of_codes(int64_t k) { return (k + 63) / 64 * 64; }
static int64_t bytes_of_scales(int64_t k) { return (k / block + 15) / 16 * 64; }

size_t tala_byte_row_size(int64_t k) { return (size_t)(2 * bytes_of_codes(k) + 2 * bytes_of_scales(k)); }

TALA_TARGET void tala_make_byte_row(const float *x, int64_t k, void *row) {
    int8_t *high = row, *low = high + bytes_of_codes(k);
    float *scales = (float *)(low + bytes_of_codes(k)), *offsets = scales + bytes_of_scales(k) / 4;
    const int64_t blocks = k / block;
    for (int64_t b = 0; b < blocks; b++, x += block) {
        const __m512 first = _mm512_loadu_ps(x), second = _mm512_loadu_ps(x + 16);
        const float greatest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(first), _mm512_abs_ps(second)));
        // 2^e by its bits; nothing smaller than 2^-100 counts.
        int32_t bits;
        __builtin_memcpy(&bits, &greatest, sizeof bits);
        int32_t power = (bits >> 23) - 13;
        if (power < 27) power = 27;
        const int32_t up = (254 - power) << 23, down = power << 23;
        float factor, unit;
        __builtin_memcpy(&factor, &up, sizeof factor);
        __builtin_memcpy(&unit, &down, sizeof unit);
        const __m512 endless = _mm512_set1_ps(__builtin_inff());
        // What is no number, or no finite one, stays none.
        const __mmask16 unbounded = _mm512_cmp_ps_mask(_mm512_abs_ps(first), endless, _CMP_NLT_UQ)
            | _mm512_cmp_ps_mask(_mm512_abs_ps(second), endless, _CMP_NLT_UQ);
        if (unbounded) unit = __builtin_nanf("");
        const __m512i a = _mm512_cvtps_epi32(_mm512_mul_ps(first, _mm512_set1_ps(factor)));
        const __m512i c = _mm512_cvtps_epi32(_mm512_mul_ps(second, _mm512_set1_ps(factor)));
        // The low byte has a sign, so the high one is rounded.
        const __m512i half = _mm512_set1_epi32(128);
        _mm_storeu_si128((__m128i *)(low + b * block), _mm512_cvtepi32_epi8(a));
        _mm_storeu_si128((__m128i *)(low + b * block + 16), _mm512_cvtepi32_epi8(c));
        _mm_storeu_si128((__m128i *)(high + b * block), _mm512_cvtepi32_epi8(_mm512_srai_epi32(_mm512_add_epi32(a, half), 8)));
        _mm_storeu_si128((__m128i *)(high + b * block + 16), _mm512_cvtepi32_epi8(_mm512_srai_epi32(_mm512_add_epi32(c, half), 8)));
        scales[b] = unit;
        offsets[b] = unit * (-128.0f * (float)_mm512_reduce_add_epi32(_mm512_add_epi32(a, c)));
    }
    for (int64_t at = k; at < bytes_of_codes(k); at++) high[at] = low[at] = 0;
    for (int64_t b = blocks; b < bytes_of_scales(k) / 4; b++) scales[b] = offsets[b] = 0;
}

/// `rows` rows of activations with `columns` rows of the weight.
TALA_INLINE void tile(
    const int rows, const int columns, const char *x, int64_t row_bytes, int64_t k, const int8_t *const w[most_columns],
    const uint16_t *const w_scales[most_columns], float *sums, int64_t sums_stride, int stored) {
    const int64_t codes = bytes_of_codes(k), scale_bytes = bytes_of_scales(k), blocks = k / block;
    __m512 s[most_rows][most_columns];
    TALA_UNROLL for (int i = 0; i < rows; i++) {
        TALA_UNROLL for (int j = 0; j < columns; j++) s[i][j] = _mm512_setzero_ps();
    }
    const __m512i sign = _mm512_set1_epi8((char)0x80);
    // Eight lanes of one block's scale, eight of the next one's.
    const __m512i spread = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    for (int64_t b = 0; b < blocks; b += blocks_together) {
        const int64_t left = blocks - b;
        const __mmask16 present = left < blocks_together ? (__mmask16)((1u << left) - 1) : (__mmask16)0xffff;
        __m512 scales[most_rows][most_columns];
        TALA_UNROLL for (int j = 0; j < columns; j++) {
            const __m512 own = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(present, w_scales[j] + b));
            TALA_UNROLL for (int i = 0; i < rows; i++) {
                const float *x_scales = (const float *)(x + i * row_bytes + 2 * codes) + b;
                scales[i][j] = _mm512_mul_ps(own, _mm512_loadu_ps(x_scales));
                s[i][j] = _mm512_fmadd_ps(own, _mm512_loadu_ps(x_scales + scale_bytes / 4), s[i][j]);
            }
        }
        __m512i place = spread;
        const int64_t pairs = left < blocks_together ? (left + 1) / 2 : blocks_together / 2;
        for (int64_t pair = 0; pair < pairs; pair++) {
            const int64_t at = (b + 2 * pair) * block;
            const __mmask64 mask = k - at >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << block) - 1;
            __m512i both[most_columns];
            TALA_UNROLL for (int j = 0; j < columns; j++) {
                // A single last block has zeros behind it on the other side.
                both[j] = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, w[j] + at), sign);
                _mm_prefetch((const char *)w[j] + at + most_columns * k, _MM_HINT_T0);
            }
            TALA_UNROLL for (int i = 0; i < rows; i++) {
                const __m512i high = _mm512_loadu_si512(x + i * row_bytes + at);
                const __m512i low = _mm512_loadu_si512(x + i * row_bytes + codes + at);
                TALA_UNROLL for (int j = 0; j < columns; j++) {
                    const __m512i upper = _mm512_slli_epi32(_mm512_dpbusd_epi32(_mm512_setzero_si512(), both[j], high), 8);
                    const __m512i whole = _mm512_dpbusd_epi32(upper, both[j], low);
                    s[i][j] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole), _mm512_permutexvar_ps(place, scales[i][j]), s[i][j]);
                }
            }
            place = _mm512_add_epi32(place, _mm512_set1_epi32(2));
        }
    }
    TALA_UNROLL for (int i = 0; i < rows; i++) {
        const int third = columns > 2 ? 2 : 0;
        _mm_mask_storeu_ps(sums + i * sums_stride, (__mmask8)((1u << stored) - 1), tala_totals(s[i][0], s[i][1], s[i][third], s[i][third + 1]));
    }
}

TALA_TARGET void tala_run_byte_dots(
    const tala_byte_dots *shape, const void *rows, const int8_t *codes, const uint16_t *scales, float *sums) {
    const int64_t k = shape->k, row_bytes = shape->row_bytes, sums_stride = shape->sums_stride, blocks = k / block;
    for (int64_t column = 0; column < shape->columns; column += most_columns) {
        const int columns = shape->columns - column < most_columns ? (int)(shape->columns - column) : most_columns;
        const int8_t *w[most_columns];
        const uint16_t *w_scales[most_columns];
        // What is past the end reads the last again and is not stored.
        for (int j = 0; j < most_columns; j++) {
            const int64_t row = column + (j < columns ? j : columns - 1);
            w[j] = codes + row * k;
            w_scales[j] = scales + row * blocks;
        }
        const int second = columns > 2 ? columns - 2 : 0;
        for (int64_t row = 0, left = shape->rows, tiles = (left + most_rows - 1) / most_rows; left > 0; tiles--) {
            const int64_t count = (left + tiles - 1) / tiles;
            const char *x = (const char *)rows + row * row_bytes;
            float *target = sums + row * sums_stride + column;
            switch (count) {
            case 1: tile(1, 4, x, row_bytes, k, w, w_scales, target, sums_stride, columns); break;
            case 2: tile(2, 4, x, row_bytes, k, w, w_scales, target, sums_stride, columns); break;
            case 3:
                tile(3, 2, x, row_bytes, k, w, w_scales, target, sums_stride, columns < 2 ? columns : 2);
                if (second) tile(3, 2, x, row_bytes, k, w + 2, w_scales + 2, target + 2, sums_stride, second);
                break;
            default:
                tile(4, 2, x, row_bytes, k, w, w_scales, target, sums_stride, columns < 2 ? columns : 2);
                if (second) tile(4, 2, x, row_bytes, k, w + 2, w_scales + 2, target + 2, sums_stride, second);
                break;
            }
            row += count;
            left -= count;
        }
    }
}

#else

int tala_has_byte_products(void) { return 0; }
size_t tala_byte_row_size(int64_t k) { return 0; }
void tala_make_byte_row(const float *x, int64_t k, void *row) {}
void tala_run_byte_dots(const tala_byte_dots *shape, const void *rows, const int8_t *codes, const uint16_t *scales, float *sums) {}

#endif
