// Up to three queries meet four vectors of a row of values: twelve sums are under way at a time, so
// that none waits for its own last addition, and a value is read once for all of them.
#include "weighted_sums.h"

#if defined(__x86_64__)
#include "vector_sums.h"

#define TALA_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

enum { most_queries = 3, most_vectors = 4 };
enum { type_float32, type_bfloat16, type_float16 };

/// Sixteen values at a place as float32; those of a mask where there are no more.
__attribute__((always_inline)) static inline TALA_TARGET __m512 load(
    const int type, const void *values, int64_t place, const int is_part, __mmask16 mask) {
    if (type == type_float32) {
        const float *from = (const float *)values + place;
        return is_part ? _mm512_maskz_loadu_ps(mask, from) : _mm512_loadu_ps(from);
    }
    const uint16_t *from = (const uint16_t *)values + place;
    const __m256i words = is_part ? _mm256_maskz_loadu_epi16(mask, from) : _mm256_loadu_si256((const __m256i *)from);
    return type == type_float16 ? _mm512_cvtph_ps(words) : _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16));
}

/// Some queries and vectors; of the last vector the places of a mask.
__attribute__((always_inline)) static inline TALA_TARGET void add(
    const int type, const int queries, const int vectors, const tala_weighted_sums *shape, __mmask16 last, const void *values,
    int64_t place, const float *weights, const float *shrink, float *sums) {
    const int64_t value_stride = shape->value_stride, weight_stride = shape->weight_stride, sum_stride = shape->sum_stride;
    __m512 s[most_queries][most_vectors];
    TALA_UNROLL for (int q = 0; q < queries; q++) {
        TALA_UNROLL for (int v = 0; v < vectors; v++) {
            const float *from = sums + q * sum_stride + 16 * v;
            s[q][v] = _mm512_mul_ps(v == vectors - 1 ? _mm512_maskz_loadu_ps(last, from) : _mm512_loadu_ps(from), _mm512_set1_ps(shrink[q]));
        }
    }
    for (int64_t i = 0; i < shape->count; i++) {
        __m512 value[most_vectors];
        TALA_UNROLL for (int v = 0; v < vectors; v++) {
            value[v] = load(type, values, place + 16 * v, v == vectors - 1, last);
        }
        TALA_UNROLL for (int q = 0; q < queries; q++) {
            const __m512 weight = _mm512_set1_ps(weights[q * weight_stride + i]);
            TALA_UNROLL for (int v = 0; v < vectors; v++) s[q][v] = _mm512_fmadd_ps(value[v], weight, s[q][v]);
        }
        place += value_stride;
    }
    TALA_UNROLL for (int q = 0; q < queries; q++) {
        TALA_UNROLL for (int v = 0; v < vectors; v++) {
            float *to = sums + q * sum_stride + 16 * v;
            if (v == vectors - 1 && last != 0xffff) {
                _mm512_mask_storeu_ps(to, last, s[q][v]);
            } else {
                _mm512_storeu_ps(to, s[q][v]);
            }
        }
    }
}

#define TALA_ADD(TYPE, QUERIES)                                                                                                           \
    TALA_TARGET static void add_##TYPE##_##QUERIES(                                                                                       \
        int vectors, const tala_weighted_sums *shape, __mmask16 last, const void *values, int64_t place, const float *weights,            \
        const float *shrink, float *sums) {                                                                                               \
        switch (vectors) {                                                                                                                \
        case 1: add(type_##TYPE, QUERIES, 1, shape, last, values, place, weights, shrink, sums); break;                                   \
        case 2: add(type_##TYPE, QUERIES, 2, shape, last, values, place, weights, shrink, sums); break;                                   \
        case 3: add(type_##TYPE, QUERIES, 3, shape, last, values, place, weights, shrink, sums); break;                                   \
        default: add(type_##TYPE, QUERIES, 4, shape, last, values, place, weights, shrink, sums); break;                                  \
        }                                                                                                                                 \
    }
/// Parts of nearly one size: four queries are two and two.
#define TALA_SUMS_OF(NAME, TYPE, NUMBER)                                                                                                  \
    TALA_ADD(TYPE, 1)                                                                                                                     \
    TALA_ADD(TYPE, 2)                                                                                                                     \
    TALA_ADD(TYPE, 3)                                                                                                                     \
    void NAME(const tala_weighted_sums *shape, const NUMBER *values, const float *weights, const float *shrink, float *sums) {            \
        int64_t parts = (shape->queries + most_queries - 1) / most_queries;                                                               \
        for (int64_t query = 0, left = shape->queries; left > 0; parts--) {                                                               \
            const int64_t queries = (left + parts - 1) / parts;                                                                           \
            for (int64_t column = 0; column < shape->width; column += 16 * most_vectors) {                                                \
                const int64_t width = shape->width - column < 16 * most_vectors ? shape->width - column : 16 * most_vectors;              \
                const int vectors = (int)((width + 15) / 16);                                                                             \
                const __mmask16 last = (__mmask16)((1u << ((width - 1) % 16 + 1)) - 1);                                                   \
                const float *own = weights + query * shape->weight_stride;                                                                \
                float *target = sums + query * shape->sum_stride + column;                                                                \
                switch (queries) {                                                                                                        \
                case 1: add_##TYPE##_1(vectors, shape, last, values, column, own, shrink + query, target); break;                         \
                case 2: add_##TYPE##_2(vectors, shape, last, values, column, own, shrink + query, target); break;                         \
                default: add_##TYPE##_3(vectors, shape, last, values, column, own, shrink + query, target); break;                        \
                }                                                                                                                         \
            }                                                                                                                             \
            query += queries;                                                                                                             \
            left -= queries;                                                                                                              \
        }                                                                                                                                 \
    }
TALA_SUMS_OF(tala_add_weighted, float32, float)
TALA_SUMS_OF(tala_add_weighted_bfloat16, bfloat16, uint16_t)
TALA_SUMS_OF(tala_add_weighted_halves, float16, uint16_t)

#else
void tala_add_weighted(const tala_weighted_sums *shape, const float *values, const float *weights, const float *shrink, float *sums) {}
void tala_add_weighted_bfloat16(
    const tala_weighted_sums *shape, const uint16_t *values, const float *weights, const float *shrink, float *sums) {}
void tala_add_weighted_halves(
    const tala_weighted_sums *shape, const uint16_t *values, const float *weights, const float *shrink, float *sums) {}
#endif
