// The formats of blocks in GGUF files. Of each: the heads of a block, the float32 numbers of a part
// of 32 of it, the same of a part and the one behind it as bfloat16.
//
// Where codes have four bits or fewer, or five, the numbers that a group can hold are a table in a
// register, and codes are places in it: an instruction looks up sixteen float32 numbers, or
// thirty-two that were rounded to bfloat16 before. In C because Swift has no words for that.
//
// Products and sums are rounded one by one: they stand in statements or functions of their own.
// Only where a product needs no rounding is it fused with the sum.
#ifndef TALA_BLOCK_FORMATS_H
#define TALA_BLOCK_FORMATS_H

#include <immintrin.h>
#include <stdint.h>

#define TALA_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,f16c")))
#define TALA_TARGET_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,f16c")))
#define TALA_INLINE __attribute__((always_inline)) static inline TALA_TARGET
#define TALA_INLINE_BF16 __attribute__((always_inline)) static inline TALA_TARGET_BF16

/// What a block's groups have of their own, by group: scales, and minima where there are some (else
/// they are not set, and nobody reads them).
typedef struct {
    __m512 scales, minima;
} tala_heads;

/// Has a value lie in memory from here on: an instruction that needs one of its numbers in all
/// places then takes it from there, which costs none of the shuffles that look up codes.
#define TALA_KEEP(value) __asm__("" : "+m"(value))

/// Thirty-two numbers.
typedef struct {
    __m512 first, second;
} tala_numbers;

/// As bfloat16 the numbers of a part and of the one behind it, if its block has two.
typedef struct {
    __m512i parts[2];
} tala_halves;

TALA_INLINE uint32_t word_at(const uint8_t *place) {
    uint32_t word;
    __builtin_memcpy(&word, place, sizeof word);
    return word;
}

TALA_INLINE uint16_t half_at(const uint8_t *place) {
    uint16_t half;
    __builtin_memcpy(&half, place, sizeof half);
    return half;
}

/// A half-precision number in all places. It is widened there: a single one would be put into a
/// register whose other numbers it waited for.
TALA_INLINE __m512 scale_at(const uint8_t *place) { return _mm512_cvtph_ps(_mm256_set1_epi16((short)half_at(place))); }

/// The one at a block's beginning, with fewer instructions: four bytes are read.
TALA_INLINE __m512 first_scale(const uint8_t *block) { return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_loadu_si32(block))); }

/// One number of sixteen in all places.
TALA_INLINE __m512 all_of(const __m512 *numbers, int place) { return _mm512_set1_ps(((const float *)numbers)[place]); }

TALA_INLINE tala_heads scales_alone(__m512 scales) {
    tala_heads heads;
    heads.scales = scales;
    return heads;
}

TALA_INLINE __m512 ascending(void) { return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }

/// Sixteen bytes as words.
TALA_INLINE __m512i bytes_at(const uint8_t *place) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)place)); }

/// Thirty-two bytes as halves of words.
TALA_INLINE __m512i many_bytes_at(const uint8_t *place) { return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)place)); }

/// The codes of a block of 32, each in four bits of a half word: bits above them are left over. All
/// bytes twice, for the lower codes and the upper ones.
TALA_INLINE __m512i small_codes(const uint8_t *place) {
    const __m512i codes = _mm512_cvtepu8_epi16(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)place)));
    return _mm512_srlv_epi16(codes, _mm512_maskz_set1_epi16(0xffff0000u, 4));
}

/// Looks codes of four bits up in a table, by what is left of a code's upper bits as well as not.
TALA_INLINE tala_numbers looked_up(const uint8_t *place, __m512 table) {
    const __m512i codes = bytes_at(place);
    return (tala_numbers){_mm512_permutexvar_ps(codes, table), _mm512_permutexvar_ps(_mm512_srli_epi32(codes, 4), table)};
}

/// The same with codes of five bits, thirty-two in half words, and the two halves of a table.
TALA_INLINE tala_numbers looked_up_in_two(__m512i codes, tala_numbers table) {
    const __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(codes));
    const __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(codes, 1));
    return (tala_numbers){
        _mm512_permutex2var_ps(table.first, low, table.second), _mm512_permutex2var_ps(table.first, high, table.second)};
}

TALA_INLINE_BF16 __m512i narrowed(tala_numbers numbers) { return (__m512i)_mm512_cvtne2ps_pbh(numbers.second, numbers.first); }
/// Of a half word its lowest five bits are a place in a table: what four bits name stands there twice.
TALA_INLINE_BF16 __m512i twice(__m512 table) { return (__m512i)_mm512_cvtne2ps_pbh(table, table); }

TALA_INLINE_BF16 tala_halves one_part(__m512i numbers) { return (tala_halves){{numbers, numbers}}; }

TALA_INLINE tala_heads no_heads(const uint8_t *block) { return (tala_heads){_mm512_setzero_ps(), _mm512_setzero_ps()}; }

/// Of a format whose parts have nothing in common: NAME_narrow from NAME_part.
#define TALA_TWO_PARTS(NAME)                                                                                                              \
    TALA_INLINE_BF16 tala_halves NAME##_narrow(const uint8_t *block, int part, const tala_heads *heads) {                                  \
        return (tala_halves){{NAME##_part(block, part, heads), NAME##_part(block, part + 1, heads)}};                                      \
    }

// Q8_0

TALA_INLINE __m512 signed_bytes(const uint8_t *place) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)place)));
}

TALA_INLINE tala_numbers q8_0(const uint8_t *block, int part, const tala_heads *heads) {
    const __m512 scale = first_scale(block);
    return (tala_numbers){_mm512_mul_ps(signed_bytes(block + 2), scale), _mm512_mul_ps(signed_bytes(block + 18), scale)};
}
TALA_INLINE_BF16 tala_halves q8_0_narrow(const uint8_t *block, int part, const tala_heads *heads) {
    return one_part(narrowed(q8_0(block, part, heads)));
}

// Q4_0, Q4_1, IQ4_NL, MXFP4: a table for the whole block.

TALA_INLINE __m512 q4_0_table(const uint8_t *block) {
    return _mm512_mul_ps(_mm512_sub_ps(ascending(), _mm512_set1_ps(8)), first_scale(block));
}
TALA_INLINE __m512 q4_1_table(const uint8_t *block) {
    const __m512 steps = _mm512_mul_ps(ascending(), first_scale(block));
    return _mm512_add_ps(steps, scale_at(block + 2));
}
TALA_INLINE __m512 finer(void) { return _mm512_setr_ps(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113); }
TALA_INLINE __m512 iq4_nl_table(const uint8_t *block) { return _mm512_mul_ps(finer(), first_scale(block)); }
TALA_INLINE __m512 mxfp4_table(const uint8_t *block) {
    // Half of 2^(exponent - 127).
    const uint32_t bits = block[0] < 2 ? 0x200000u << block[0] : (uint32_t)(block[0] - 1) << 23;
    const __m512 sizes = _mm512_setr_ps(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    return _mm512_mul_ps(sizes, _mm512_castsi512_ps(_mm512_set1_epi32((int)bits)));
}

#define TALA_SMALL(NAME, CODES)                                                                                                           \
    TALA_INLINE tala_numbers NAME(const uint8_t *block, int part, const tala_heads *heads) {                                              \
        return looked_up(block + CODES, NAME##_table(block));                                                                             \
    }                                                                                                                                     \
    TALA_INLINE_BF16 tala_halves NAME##_narrow(const uint8_t *block, int part, const tala_heads *heads) {                                  \
        return one_part(_mm512_permutexvar_epi16(small_codes(block + CODES), twice(NAME##_table(block))));                                \
    }
TALA_SMALL(q4_0, 2)
TALA_SMALL(q4_1, 4)
TALA_SMALL(iq4_nl, 2)
TALA_SMALL(mxfp4, 1)

// Q5_0, Q5_1: a table of two vectors.

TALA_INLINE tala_numbers q5_0_table(const uint8_t *block) {
    const __m512 scale = first_scale(block);
    return (tala_numbers){_mm512_mul_ps(_mm512_sub_ps(ascending(), _mm512_set1_ps(16)), scale), _mm512_mul_ps(ascending(), scale)};
}
TALA_INLINE tala_numbers q5_1_table(const uint8_t *block) {
    const __m512 scale = first_scale(block), minimum = scale_at(block + 2);
    const __m512 low = _mm512_mul_ps(ascending(), scale);
    const __m512 high = _mm512_mul_ps(_mm512_add_ps(ascending(), _mm512_set1_ps(16)), scale);
    return (tala_numbers){_mm512_add_ps(low, minimum), _mm512_add_ps(high, minimum)};
}
/// Codes whose fifth bits are a word's.
TALA_INLINE __m512i five_bits(const uint8_t *high, const uint8_t *place) {
    const __m512i low = _mm512_and_si512(small_codes(place), _mm512_set1_epi16(15));
    return _mm512_or_si512(low, _mm512_maskz_set1_epi16((__mmask32)word_at(high), 16));
}

#define TALA_SMALL_FIVE(NAME, HIGH)                                                                                                       \
    TALA_INLINE tala_numbers NAME(const uint8_t *block, int part, const tala_heads *heads) {                                              \
        return looked_up_in_two(five_bits(block + HIGH, block + HIGH + 4), NAME##_table(block));                                          \
    }                                                                                                                                     \
    TALA_INLINE_BF16 tala_halves NAME##_narrow(const uint8_t *block, int part, const tala_heads *heads) {                                  \
        return one_part(_mm512_permutexvar_epi16(five_bits(block + HIGH, block + HIGH + 4), narrowed(NAME##_table(block))));              \
    }
TALA_SMALL_FIVE(q5_0, 2)
TALA_SMALL_FIVE(q5_1, 4)

// Q4_K, Q5_K: eight groups of 32 with scales and minima.

TALA_INLINE tala_heads six_bit_heads(const uint8_t *block) {
    // Behind the two units three words a, b, c: six bits of four scales each in a, of four minima in
    // b; of the other scales and minima the lower four bits in c, the upper two in a and b.
    const __m128i words = _mm_loadu_si128((const __m128i *)block);
    const __m128i lower = _mm_srlv_epi32(_mm_shuffle_epi32(words, _MM_SHUFFLE(3, 2, 3, 1)), _mm_setr_epi32(0, 0, 0, 4));
    const __m128i upper = _mm_srli_epi32(_mm_shuffle_epi32(words, _MM_SHUFFLE(2, 2, 1, 1)), 2);
    const __m128i steps = _mm_or_si128(
        _mm_and_si128(lower, _mm_setr_epi32(0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f)),
        _mm_and_si128(upper, _mm_setr_epi32(0, 0x30303030, 0, 0x30303030)));
    const __m512 units = _mm512_castps128_ps512(_mm_cvtph_ps(words));
    const __m512 spread = _mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), units);
    return scales_alone(_mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(steps)), spread));
}
/// What a group's codes from `first` on mean. A code of five bits, a step of six and a unit of eleven
/// have a product without rounding.
TALA_INLINE __m512 group_table(const tala_heads *heads, int group, float first) {
    const __m512 codes = _mm512_add_ps(ascending(), _mm512_set1_ps(first));
    return _mm512_fmsub_ps(codes, all_of(&heads->scales, group), all_of(&heads->scales, group + 8));
}

TALA_INLINE tala_numbers q4_k(const uint8_t *block, int part, const tala_heads *heads) {
    const uint8_t *place = block + 16 + part / 2 * 32;
    const __m512 table = group_table(heads, part, 0);
    const __m512i first = bytes_at(place), second = bytes_at(place + 16);
    if (part % 2 == 0) return (tala_numbers){_mm512_permutexvar_ps(first, table), _mm512_permutexvar_ps(second, table)};
    return (tala_numbers){
        _mm512_permutexvar_ps(_mm512_srli_epi32(first, 4), table), _mm512_permutexvar_ps(_mm512_srli_epi32(second, 4), table)};
}
/// Two groups share bytes and, half each, a table. The second's codes are the upper bits: shifted
/// they are places in its lower half. The first's have a one set above them.
TALA_INLINE_BF16 tala_halves q4_k_narrow(const uint8_t *block, int part, const tala_heads *heads) {
    const __m512i codes = many_bytes_at(block + 16 + part / 2 * 32);
    const __m512i table = narrowed((tala_numbers){group_table(heads, part + 1, 0), group_table(heads, part, 0)});
    return (tala_halves){{
        _mm512_permutexvar_epi16(_mm512_or_si512(codes, _mm512_set1_epi16(-16)), table),
        _mm512_permutexvar_epi16(_mm512_srli_epi16(codes, 4), table)}};
}

/// Four bits of one, and from the fifth on those of the other.
TALA_INLINE __m512i joined(__m512i low, __m512i high) { return _mm512_ternarylogic_epi32(_mm512_set1_epi16(15), low, high, 0xca); }
TALA_INLINE __m512i q5_k_codes(const uint8_t *block, int part) {
    const __m512i codes = many_bytes_at(block + 48 + part / 2 * 32), fifths = many_bytes_at(block + 16);
    const __m512i high = part < 4 ? _mm512_slli_epi16(fifths, 4 - part) : _mm512_srli_epi16(fifths, part - 4);
    return joined(part % 2 == 0 ? codes : _mm512_srli_epi16(codes, 4), high);
}
TALA_INLINE tala_numbers q5_k_table(const tala_heads *heads, int part) {
    return (tala_numbers){group_table(heads, part, 0), group_table(heads, part, 16)};
}
TALA_INLINE tala_numbers q5_k(const uint8_t *block, int part, const tala_heads *heads) {
    return looked_up_in_two(q5_k_codes(block, part), q5_k_table(heads, part));
}
TALA_INLINE_BF16 __m512i q5_k_part(const uint8_t *block, int part, const tala_heads *heads) {
    return _mm512_permutexvar_epi16(q5_k_codes(block, part), narrowed(q5_k_table(heads, part)));
}
TALA_TWO_PARTS(q5_k)

// IQ4_XS: eight groups of 32 with scales.

TALA_INLINE tala_heads iq4_xs_heads(const uint8_t *block) {
    const __m512i low = _mm512_srlv_epi32(
        _mm512_set1_epi32((int)word_at(block + 4)), _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m512i high = _mm512_srlv_epi32(
        _mm512_set1_epi32(half_at(block + 2)), _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m512i steps = _mm512_or_si512(
        _mm512_and_si512(low, _mm512_set1_epi32(15)), _mm512_slli_epi32(_mm512_and_si512(high, _mm512_set1_epi32(3)), 4));
    const __m512 numbers = _mm512_cvtepi32_ps(_mm512_sub_epi32(steps, _mm512_set1_epi32(32)));
    return scales_alone(_mm512_mul_ps(numbers, first_scale(block)));
}
TALA_INLINE tala_numbers iq4_xs(const uint8_t *block, int part, const tala_heads *heads) {
    return looked_up(block + 8 + 16 * part, _mm512_mul_ps(finer(), all_of(&heads->scales, part)));
}
TALA_INLINE_BF16 __m512i iq4_xs_part(const uint8_t *block, int part, const tala_heads *heads) {
    return _mm512_permutexvar_epi16(small_codes(block + 8 + 16 * part), twice(_mm512_mul_ps(finer(), all_of(&heads->scales, part))));
}
TALA_TWO_PARTS(iq4_xs)

// Q2_K, Q3_K: sixteen groups of 16. A part has two of them, whose tables stand side by side; of a
// table for two or three bits the rest repeats it.

TALA_INLINE tala_heads q2_k_heads(const uint8_t *block) {
    const __m512i steps = bytes_at(block);
    const __m512 scales = _mm512_cvtepi32_ps(_mm512_and_si512(steps, _mm512_set1_epi32(15)));
    const __m512 minima = _mm512_cvtepi32_ps(_mm512_srli_epi32(steps, 4));
    return (tala_heads){_mm512_mul_ps(scales, scale_at(block + 80)), _mm512_mul_ps(minima, scale_at(block + 82))};
}
TALA_INLINE __m512 q2_k_table(const tala_heads *heads, int group) {
    const __m512 codes = _mm512_setr_ps(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3);
    return _mm512_sub_ps(_mm512_mul_ps(codes, all_of(&heads->scales, group)), all_of(&heads->minima, group));
}
TALA_INLINE tala_numbers q2_k(const uint8_t *block, int part, const tala_heads *heads) {
    const uint8_t *place = block + 16 + part / 4 * 32;
    const int shift = part % 4 * 2;
    return (tala_numbers){
        _mm512_permutexvar_ps(_mm512_srli_epi32(bytes_at(place), shift), q2_k_table(heads, 2 * part)),
        _mm512_permutexvar_ps(_mm512_srli_epi32(bytes_at(place + 16), shift), q2_k_table(heads, 2 * part + 1))};
}
/// Four bits of each code, and a fifth that says in which of two tables it stands.
TALA_INLINE __m512i in_own_table(__m512i codes, short bits) {
    const __m512i second = _mm512_maskz_set1_epi16((__mmask32)0xffff0000u, 16);
    return _mm512_or_si512(_mm512_and_si512(codes, _mm512_set1_epi16(bits)), second);
}
TALA_INLINE_BF16 __m512i q2_k_part(const uint8_t *block, int part, const tala_heads *heads) {
    const __m512i codes = _mm512_srli_epi16(many_bytes_at(block + 16 + part / 4 * 32), part % 4 * 2);
    const tala_numbers tables = {q2_k_table(heads, 2 * part), q2_k_table(heads, 2 * part + 1)};
    return _mm512_permutexvar_epi16(in_own_table(codes, 15), narrowed(tables));
}
TALA_TWO_PARTS(q2_k)

TALA_INLINE tala_heads q3_k_heads(const uint8_t *block) {
    const uint32_t a = word_at(block + 96), b = word_at(block + 100), c = word_at(block + 104);
    const uint32_t four = 0x0f0f0f0fu, two = 0x03030303u;
    const __m128i steps = _mm_setr_epi32(
        (int)((a & four) | (c & two) << 4), (int)((b & four) | (c >> 2 & two) << 4), (int)((a >> 4 & four) | (c >> 4 & two) << 4),
        (int)((b >> 4 & four) | (c >> 6 & two) << 4));
    const __m512 numbers = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_cvtepu8_epi32(steps), _mm512_set1_epi32(32)));
    return scales_alone(_mm512_mul_ps(numbers, scale_at(block + 108)));
}
TALA_INLINE __m512 q3_k_table(const tala_heads *heads, int group) {
    const __m512 codes = _mm512_setr_ps(-4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, -1, 0, 1, 2, 3);
    return _mm512_mul_ps(codes, all_of(&heads->scales, group));
}
TALA_INLINE __m512i q3_k_codes(const uint8_t *block, int part) {
    const __m512i codes = _mm512_srli_epi16(many_bytes_at(block + 32 + part / 4 * 32), part % 4 * 2);
    const __mmask32 third = _mm512_test_epi16_mask(many_bytes_at(block), _mm512_set1_epi16((short)(1 << part)));
    return _mm512_or_si512(in_own_table(codes, 3), _mm512_maskz_set1_epi16(third, 4));
}
TALA_INLINE tala_numbers q3_k(const uint8_t *block, int part, const tala_heads *heads) {
    return looked_up_in_two(q3_k_codes(block, part), (tala_numbers){q3_k_table(heads, 2 * part), q3_k_table(heads, 2 * part + 1)});
}
TALA_INLINE_BF16 __m512i q3_k_part(const uint8_t *block, int part, const tala_heads *heads) {
    const tala_numbers tables = {q3_k_table(heads, 2 * part), q3_k_table(heads, 2 * part + 1)};
    return _mm512_permutexvar_epi16(q3_k_codes(block, part), narrowed(tables));
}
TALA_TWO_PARTS(q3_k)

// Q6_K: sixteen groups of 16 with scales.

TALA_INLINE tala_heads q6_k_heads(const uint8_t *block) {
    return scales_alone(_mm512_mul_ps(signed_bytes(block + 192), scale_at(block + 208)));
}
/// The codes of two parts, the second behind the first: four bits of each are half a byte, two a
/// quarter of one.
TALA_INLINE __m512i q6_k_codes(const uint8_t *block, int part) {
    const __m512i fours = _mm512_loadu_si512(block + part / 4 * 64);
    const __m512i twos = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(block + 128 + part / 4 * 32)));
    const __mmask32 second = 0xffff0000u;
    const __m512i low = part % 4 < 2 ? fours : _mm512_srli_epi16(fours, 4);
    const __m512i high = part % 4 < 2 ? _mm512_sllv_epi16(twos, _mm512_mask_set1_epi16(_mm512_set1_epi16(4), second, 2))
                                      : _mm512_srlv_epi16(twos, _mm512_maskz_set1_epi16(second, 2));
    const __m512i six = _mm512_and_si512(_mm512_ternarylogic_epi32(_mm512_set1_epi8(15), low, high, 0xca), _mm512_set1_epi8(63));
    __m512i codes = _mm512_sub_epi8(six, _mm512_set1_epi8(32));
    // As one: a compiler would compute each quarter of it by itself.
    __asm__("" : "+v"(codes));
    return codes;
}
TALA_INLINE tala_numbers q6_k(const uint8_t *block, int part, const tala_heads *heads) {
    const __m512i codes = q6_k_codes(block, part & ~1);
    const __m256i own = part % 2 == 0 ? _mm512_castsi512_si256(codes) : _mm512_extracti64x4_epi64(codes, 1);
    const __m512 first = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(own)));
    const __m512 second = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(own, 1)));
    return (tala_numbers){
        _mm512_mul_ps(first, all_of(&heads->scales, 2 * part)), _mm512_mul_ps(second, all_of(&heads->scales, 2 * part + 1))};
}
TALA_INLINE_BF16 __m512i q6_k_part(const uint8_t *block, int part, const tala_heads *heads) {
    return narrowed(q6_k(block, part, heads));
}
TALA_TWO_PARTS(q6_k)

/// Every format: its name, its number in files, the heads of its blocks, their bytes and parts.
#define TALA_ALL_FORMATS(FORMAT)                                                                                                          \
    FORMAT(q4_0, 2, no_heads, 18, 1)                                                                                                      \
    FORMAT(q4_1, 3, no_heads, 20, 1)                                                                                                      \
    FORMAT(q5_0, 6, no_heads, 22, 1)                                                                                                      \
    FORMAT(q5_1, 7, no_heads, 24, 1)                                                                                                      \
    FORMAT(q8_0, 8, no_heads, 34, 1)                                                                                                      \
    FORMAT(q2_k, 10, q2_k_heads, 84, 8)                                                                                                   \
    FORMAT(q3_k, 11, q3_k_heads, 110, 8)                                                                                                  \
    FORMAT(q4_k, 12, six_bit_heads, 144, 8)                                                                                               \
    FORMAT(q5_k, 13, six_bit_heads, 176, 8)                                                                                               \
    FORMAT(q6_k, 14, q6_k_heads, 210, 8)                                                                                                  \
    FORMAT(iq4_nl, 20, no_heads, 18, 1)                                                                                                   \
    FORMAT(iq4_xs, 23, iq4_xs_heads, 136, 8)                                                                                              \
    FORMAT(mxfp4, 39, no_heads, 17, 1)

// The same of all formats, those beside whose blocks something lies too: bytes_of_NAME and
// NAME_head.
#define TALA_BYTES(NAME, NUMBER, HEADS, BYTES, PARTS) bytes_of_##NAME = BYTES,
enum { TALA_ALL_FORMATS(TALA_BYTES) };
#define TALA_HEAD(NAME, NUMBER, HEADS, BYTES, PARTS)                                                                                      \
    TALA_INLINE tala_heads NAME##_head(const uint8_t *block, const void *beside) { return HEADS(block); }
TALA_ALL_FORMATS(TALA_HEAD)

#endif
