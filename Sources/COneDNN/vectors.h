// What vectors of sixteen numbers need beyond Swift's words for them, so that it is vector code on
// every processor and with every compiler. Each function does the same, bit for bit, whatever it is
// compiled for.
#ifndef TALA_VECTORS_H
#define TALA_VECTORS_H

#include <stdint.h>

/// Sixteen numbers; Swift sees SIMD16<Float>.
typedef float tala_vector __attribute__((__ext_vector_type__(16)));
typedef float tala_eight __attribute__((__ext_vector_type__(8)));
typedef float tala_four __attribute__((__ext_vector_type__(4)));
typedef float tala_two __attribute__((__ext_vector_type__(2)));
typedef uint32_t tala_words __attribute__((__ext_vector_type__(16)));
typedef int32_t tala_integers __attribute__((__ext_vector_type__(16)));
typedef uint16_t tala_halves __attribute__((__ext_vector_type__(16)));

#define TALA_INLINE static inline __attribute__((always_inline))

/// The level of the x86-64 ABI that this is compiled for; 0 for other processors.
TALA_INLINE int tala_kernel_level(void) {
#if defined(__AVX512F__)
    return 4;
#elif defined(__AVX2__)
    return 3;
#elif defined(__SSE4_2__)
    return 2;
#elif defined(__x86_64__)
    return 1;
#else
    return 0;
#endif
}

/// Whether the processor that this is compiled for multiplies and adds with one rounding; else that
/// is a call of the C library for each number.
TALA_INLINE int tala_fuses_products(void) {
#if defined(__FMA__) || defined(__aarch64__)
    return 1;
#else
    return 0;
#endif
}

/// Numbers of `yes` where the mask's bits are set, of `no` elsewhere.
TALA_INLINE tala_vector tala_choose(tala_integers mask, tala_vector yes, tala_vector no) {
    return (tala_vector)(((tala_integers)yes & mask) | ((tala_integers)no & ~mask));
}
/// Masks: all bits of the places in which the comparison holds.
TALA_INLINE tala_integers tala_is_less(tala_vector left, tala_vector right) { return left < right; }
TALA_INLINE tala_integers tala_is_equal(tala_vector left, tala_vector right) { return left == right; }
TALA_INLINE tala_integers tala_is_at_most(tala_vector left, tala_vector right) { return left <= right; }
TALA_INLINE tala_integers tala_differs(tala_vector left, tala_vector right) { return left != right; }

/// The sum of all, by halves.
TALA_INLINE float tala_total(tala_vector vector) {
    tala_eight eight = vector.lo + vector.hi;
    tala_four four = eight.lo + eight.hi;
    tala_two two = four.lo + four.hi;
    return two.x + two.y;
}

/// The greatest of all.
TALA_INLINE float tala_greatest(tala_vector vector) {
    typedef int32_t eight_integers __attribute__((__ext_vector_type__(8)));
    typedef int32_t four_integers __attribute__((__ext_vector_type__(4)));
    eight_integers in_eight = vector.hi > vector.lo;
    tala_eight eight = (tala_eight)(((eight_integers)vector.hi & in_eight) | ((eight_integers)vector.lo & ~in_eight));
    four_integers in_four = eight.hi > eight.lo;
    tala_four four = (tala_four)(((four_integers)eight.hi & in_four) | ((four_integers)eight.lo & ~in_four));
    float x = four.z > four.x ? four.z : four.x, y = four.w > four.y ? four.w : four.y;
    return x > y ? x : y;
}

/// Writes sixteen numbers as bfloat16: the upper halves after rounding to nearest, ties to even;
/// what is not a number stays so.
TALA_INLINE void tala_store_bfloat16(tala_vector vector, void *_Nonnull address) {
    tala_words bits = (tala_words)vector;
    tala_words rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    tala_words unordered = (tala_words)(vector != vector);
    tala_words upper = ((rounded & ~unordered) | ((bits | 0x400000u) & unordered)) >> 16;
    tala_halves halves = __builtin_convertvector(upper, tala_halves);
    __builtin_memcpy(address, &halves, sizeof halves);
}

/// Sixteen bfloat16 numbers as float32.
TALA_INLINE tala_vector tala_load_bfloat16(const void *_Nonnull address) {
    tala_halves halves;
    __builtin_memcpy(&halves, address, sizeof halves);
    return (tala_vector)(__builtin_convertvector(halves, tala_words) << 16);
}

/// Whether the processor that this is compiled for widens half-precision numbers itself.
TALA_INLINE int tala_has_half_precision(void) {
#if defined(__F16C__)
    return 1;
#else
    return 0;
#endif
}

/// Sixteen half-precision numbers as float32, where the processor does that itself.
TALA_INLINE tala_vector tala_load_float16(const void *_Nonnull address) {
    tala_vector vector = 0.0f;
#if defined(__F16C__)
    typedef short eight_halves __attribute__((__vector_size__(16)));
    eight_halves low, high;
    __builtin_memcpy(&low, address, sizeof low);
    __builtin_memcpy(&high, (const char *)address + sizeof low, sizeof high);
    vector.lo = (tala_eight)__builtin_ia32_vcvtph2ps256(low);
    vector.hi = (tala_eight)__builtin_ia32_vcvtph2ps256(high);
#endif
    return vector;
}

/// Up to four numbers at an address, zeros behind them; nothing behind them is read.
TALA_INLINE tala_four tala_load_up_to_four(const float *_Nonnull address, long count) {
    tala_four four = 0.0f;
    if (count >= 4) {
        __builtin_memcpy(&four, address, sizeof four);
    } else if (count > 0) {
        four.x = address[0];
        if (count > 1) four.y = address[1];
        if (count > 2) four.z = address[2];
    }
    return four;
}

/// The first `count` (0...16) numbers at an address, zeros behind them; nothing behind them is
/// read.
TALA_INLINE tala_vector tala_load_part(const float *_Nonnull address, long count) {
#if defined(__AVX512F__)
    return (tala_vector)__builtin_ia32_loadups512_mask((const float *)address, (tala_vector)0.0f, (unsigned short)((1u << count) - 1));
#else
    tala_vector vector;
    if (count >= 16) {
        __builtin_memcpy(&vector, address, sizeof vector);
        return vector;
    }
#if defined(__AVX2__)
    typedef int eight_words __attribute__((__vector_size__(32)));
    typedef float eight_floats __attribute__((__vector_size__(32)));
    int last = (int)count;
    eight_words low = (eight_words){last, last, last, last, last, last, last, last} > (eight_words){0, 1, 2, 3, 4, 5, 6, 7};
    eight_words high = (eight_words){last, last, last, last, last, last, last, last} > (eight_words){8, 9, 10, 11, 12, 13, 14, 15};
    vector.lo = (tala_eight)__builtin_ia32_maskloadps256((const eight_floats *)address, low);
    vector.hi = (tala_eight)__builtin_ia32_maskloadps256((const eight_floats *)(address + 8), high);
#else
    vector.lo.lo = tala_load_up_to_four(address, count);
    vector.lo.hi = tala_load_up_to_four(address + 4, count - 4);
    vector.hi.lo = tala_load_up_to_four(address + 8, count - 8);
    vector.hi.hi = tala_load_up_to_four(address + 12, count - 12);
#endif
    return vector;
#endif
}

/// Writes the first `count` (0...16) numbers.
TALA_INLINE void tala_store_part(tala_vector vector, float *_Nonnull address, long count) {
#if defined(__AVX512F__)
    __builtin_ia32_storeups512_mask((float *)address, vector, (unsigned short)((1u << count) - 1));
#else
    if (count >= 16) {
        __builtin_memcpy(address, &vector, sizeof vector);
        return;
    }
    // In pieces: AMD's processors take AVX2's masked stores apart into dozens of steps.
    tala_eight eight = vector.lo;
    if (count & 8) {
        __builtin_memcpy(address, &eight, sizeof eight);
        eight = vector.hi;
        address += 8;
    }
    tala_four four = eight.lo;
    if (count & 4) {
        __builtin_memcpy(address, &four, sizeof four);
        four = eight.hi;
        address += 4;
    }
    tala_two two = four.lo;
    if (count & 2) {
        __builtin_memcpy(address, &two, sizeof two);
        two = four.hi;
        address += 2;
    }
    if (count & 1) *address = two.x;
#endif
}
#endif
