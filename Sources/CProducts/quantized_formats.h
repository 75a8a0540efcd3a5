// The formats that weights are quantised to when they are loaded, in the form of block_formats.h:
// codes lie one behind the other, and what a block has of its own lies beside them.
#ifndef TALA_QUANTIZED_FORMATS_H
#define TALA_QUANTIZED_FORMATS_H

#include "block_formats.h"
#include "unpacking.h"

enum { bytes_of_q8 = 32, bytes_of_nf4 = 32, nf4_group = 256 };

TALA_INLINE tala_heads q8_head(const uint8_t *block, const void *beside) {
    const tala_q8 *weight = beside;
    const int64_t number = (block - (const uint8_t *)weight->codes) / bytes_of_q8;
    return scales_alone(scale_at((const uint8_t *)(weight->scales + number)));
}
TALA_INLINE tala_numbers q8(const uint8_t *block, int part, const tala_heads *heads) {
    return (tala_numbers){_mm512_mul_ps(signed_bytes(block), heads->scales), _mm512_mul_ps(signed_bytes(block + 16), heads->scales)};
}
TALA_INLINE_BF16 tala_halves q8_narrow(const uint8_t *block, int part, const tala_heads *heads) {
    return one_part(narrowed(q8(block, part, heads)));
}

/// A block's sixteen numbers.
TALA_INLINE tala_heads nf4_head(const uint8_t *block, const void *beside) {
    const tala_nf4 *weight = beside;
    const int64_t number = (block - weight->codes) / bytes_of_nf4;
    // Two roundings, as bitsandbytes computes a block's scale.
    float product = weight->scale_values[weight->scale_codes[number]] * weight->groups[number / nf4_group];
    // Not one fused product and sum, whatever the compiler is allowed.
    __asm__("" : "+x"(product));
    return scales_alone(_mm512_mul_ps(_mm512_loadu_ps(weight->values), _mm512_set1_ps(product + *weight->mean)));
}
// The first code is in a byte's upper half; a place in a table is the lowest bits of a word.
TALA_INLINE __m512 nf4_sixteen(const uint8_t *place, __m512 table) {
    const __m512i bytes = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)place));
    return _mm512_permutexvar_ps(_mm512_or_si512(_mm512_srli_epi64(bytes, 4), _mm512_slli_epi64(bytes, 32)), table);
}
TALA_INLINE tala_numbers nf4(const uint8_t *block, int part, const tala_heads *heads) {
    const uint8_t *place = block + 16 * part;
    return (tala_numbers){nf4_sixteen(place, heads->scales), nf4_sixteen(place + 8, heads->scales)};
}
TALA_INLINE_BF16 __m512i nf4_part(const uint8_t *block, int part, const tala_heads *heads) {
    const __m512i bytes = bytes_at(block + 16 * part);
    const __m512i places = _mm512_or_si512(_mm512_srli_epi32(bytes, 4), _mm512_slli_epi32(bytes, 16));
    return _mm512_permutexvar_epi16(places, twice(heads->scales));
}
TALA_TWO_PARTS(nf4)

/// Each: name, parts of 32 numbers of a block.
#define TALA_QUANTIZED_FORMATS(X) X(q8, 1) X(nf4, 2)

#endif
