// What the dot products share. Functions that are inlined here have the instructions of all of them.
#ifndef TALA_VECTOR_SUMS_H
#define TALA_VECTOR_SUMS_H

#include <immintrin.h>

#define TALA_UNROLL _Pragma("clang loop unroll(full)")

/// The sums of four vectors, each by halves.
__attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl"))) static inline __m128 tala_totals(
    __m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    __m512 four = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    __m512 two = _mm512_add_ps(four, _mm512_permute_ps(four, 0x4e));
    __m512 one = _mm512_add_ps(two, _mm512_permute_ps(two, 0xb1));
    // The first number of each quarter.
    return _mm512_castps512_ps128(_mm512_permutexvar_ps(_mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), one));
}

#endif
