// In C because a code's number comes from a table in registers, for which Swift has no words.
#include "unpacking.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TALA_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,f16c")))
#define TALA_TARGET_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,f16c")))
#define TALA_INLINE __attribute__((always_inline)) static inline TALA_TARGET

enum { q8_block = 32, nf4_block = 64, nf4_group = 256 };

/// A half-precision number in all places. It is widened there: a single one would be put into a
/// register whose other numbers it waited for.
TALA_INLINE __m512 half_of(uint16_t bits) { return _mm512_cvtph_ps(_mm256_set1_epi16((short)bits)); }

TALA_INLINE __m512 sixteen(const int8_t *codes, __m512 scale) {
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)codes))), scale);
}

TALA_TARGET void tala_unpack_q8(const int8_t *codes, const uint16_t *scales, int64_t blocks, float *target) {
    for (int64_t block = 0; block < blocks; block++, codes += q8_block, target += q8_block) {
        const __m512 scale = half_of(scales[block]);
        _mm512_storeu_ps(target, sixteen(codes, scale));
        _mm512_storeu_ps(target + 16, sixteen(codes + 16, scale));
    }
}

TALA_TARGET_BF16 void tala_unpack_q8_bfloat16(const int8_t *codes, const uint16_t *scales, int64_t blocks, uint16_t *target) {
    for (int64_t block = 0; block < blocks; block++, codes += q8_block, target += q8_block) {
        const __m512 scale = half_of(scales[block]);
        _mm512_storeu_si512(target, (__m512i)_mm512_cvtne2ps_pbh(sixteen(codes + 16, scale), sixteen(codes, scale)));
    }
}

/// Two roundings, as bitsandbytes computes a block's scale.
TALA_INLINE float scale_of(const tala_nf4 *weight, int64_t block) {
    float product = weight->scale_values[weight->scale_codes[block]] * weight->groups[block / nf4_group];
    // Not one fused product and sum, whatever the compiler is allowed.
    __asm__("" : "+x"(product));
    return product + weight->mean;
}

TALA_TARGET void tala_unpack_nf4(const tala_nf4 *weight, int64_t first_block, int64_t blocks, float *target) {
    const __m512 values = _mm512_loadu_ps(weight->values);
    const uint8_t *codes = weight->codes + first_block * (nf4_block / 2);
    for (int64_t block = 0; block < blocks; block++) {
        const __m512 table = _mm512_mul_ps(values, _mm512_set1_ps(scale_of(weight, first_block + block)));
        for (int part = 0; part < nf4_block / 16; part++, codes += 8, target += 16) {
            // The first code is in a byte's upper half; a place in the table is the lowest four
            // bits of a word.
            const __m512i bytes = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)codes));
            const __m512i places = _mm512_or_si512(_mm512_srli_epi64(bytes, 4), _mm512_slli_epi64(bytes, 32));
            _mm512_storeu_ps(target, _mm512_permutexvar_ps(places, table));
        }
    }
}

TALA_TARGET_BF16 void tala_unpack_nf4_bfloat16(const tala_nf4 *weight, int64_t first_block, int64_t blocks, uint16_t *target) {
    const __m512 values = _mm512_loadu_ps(weight->values);
    const uint8_t *codes = weight->codes + first_block * (nf4_block / 2);
    for (int64_t block = 0; block < blocks; block++) {
        const __m512 scaled = _mm512_mul_ps(values, _mm512_set1_ps(scale_of(weight, first_block + block)));
        // The table twice, since a place in it is the lowest five bits of a half.
        const __m512i table = (__m512i)_mm512_cvtne2ps_pbh(scaled, scaled);
        for (int part = 0; part < nf4_block / 32; part++, codes += 16, target += 32) {
            const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)codes));
            const __m512i places = _mm512_or_si512(_mm512_srli_epi32(bytes, 4), _mm512_slli_epi32(bytes, 16));
            _mm512_storeu_si512(target, _mm512_permutexvar_epi16(places, table));
        }
    }
}

#else

void tala_unpack_q8(const int8_t *codes, const uint16_t *scales, int64_t blocks, float *target) {}
void tala_unpack_q8_bfloat16(const int8_t *codes, const uint16_t *scales, int64_t blocks, uint16_t *target) {}
void tala_unpack_nf4(const tala_nf4 *weight, int64_t first_block, int64_t blocks, float *target) {}
void tala_unpack_nf4_bfloat16(const tala_nf4 *weight, int64_t first_block, int64_t blocks, uint16_t *target) {}

#endif
