// What the dot products share. Functions that are inlined here have the instructions of all of them.
#ifndef TALA_VECTOR_SUMS_H
#define TALA_VECTOR_SUMS_H

#include <immintrin.h>

#define TALA_UNROLL _Pragma("clang loop unroll(full)")

#define TALA_SUMS __attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl"))) static inline

/// The first two halvings of four vectors: four sums of each are left, one vector's behind the
/// other's.
TALA_SUMS __m512 tala_quarters(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    return _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
}

/// The sums of four vectors, each by halves.
TALA_SUMS __m128 tala_totals(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 four = tala_quarters(a, b, c, d);
    __m512 two = _mm512_add_ps(four, _mm512_permute_ps(four, 0x4e));
    __m512 one = _mm512_add_ps(two, _mm512_permute_ps(two, 0xb1));
    // The first number of each quarter.
    return _mm512_castps512_ps128(_mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), one));
}

/// The third halving of two results of tala_quarters, in turns.
TALA_SUMS __m512 tala_pairs(__m512 a, __m512 b) {
    const __m512d first = _mm512_castps_pd(a), second = _mm512_castps_pd(b);
    return _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(first, second)), _mm512_castpd_ps(_mm512_unpackhi_pd(first, second)));
}

/// The last halving: from results of tala_quarters for four rows, of each row its four sums, one
/// row's behind the other's.
TALA_SUMS __m512 tala_rows_of_sums(__m512 a, __m512 b, __m512 c, __m512 d) {
    const __m512 ab = tala_pairs(a, b), cd = tala_pairs(c, d);
    const __m512 sums = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x88), _mm512_shuffle_ps(ab, cd, 0xdd));
    return _mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), sums);
}

#endif
