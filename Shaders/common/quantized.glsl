// Numbers of a quantised weight, as Sources/Quantization/QuantizedFormat.swift lays them out:
// FORMAT is 0 for q8, 1 for nf4. A shader has declared `scales` and `codes`, for nf4 also `groups`
// and `tables`, and defines FIRST_SCALE, FIRST_CODE and FIRST_GROUP: the first of their words that
// is bound.
#define WORD(part, index) uint(part(0, index))
#define BYTE(part, first_word, index) ((WORD(part, ((index) >> 2) - first_word) >> (((index) & 3u) * 8u)) & 0xFFu)

float scale_of(uint e) {
    uint first_scale = FIRST_SCALE;
#if FORMAT == 0
    uint block = e >> 5;
    return float_from_half((WORD(scales, (block >> 1) - first_scale) >> ((block & 1u) * 16u)) & 0xFFFFu);
#else
    uint block = e >> 6;
    // Two roundings, as the published definition has them.
    precise float product =
        uintBitsToFloat(WORD(tables, 16u + BYTE(scales, first_scale, block))) * uintBitsToFloat(WORD(groups, (block >> 8) - FIRST_GROUP));
    precise float scale = product + uintBitsToFloat(WORD(tables, 272u));
    return scale;
#endif
}

// The number of a code: a byte, or four bits.
float number(uint code, float scale) {
#if FORMAT == 0
    precise float value = float(int(code << 24) >> 24) * scale;
#else
    precise float value = uintBitsToFloat(WORD(tables, code)) * scale;
#endif
    return value;
}

// Eight numbers from `e` on, a multiple of eight: they have their scale and whole words in common.
void run_of_numbers(uint e, out float numbers[8]) {
    float scale = scale_of(e);
#if FORMAT == 0
    [[unroll]] for (uint part = 0; part < 2; part++) {
        uint packed = WORD(codes, (e >> 2) + part - FIRST_CODE);
        [[unroll]] for (uint i = 0; i < 4; i++) numbers[part * 4u + i] = number((packed >> (i * 8u)) & 0xFFu, scale);
    }
#else
    uint packed = WORD(codes, (e >> 3) - FIRST_CODE);
    [[unroll]] for (uint i = 0; i < 8; i++) numbers[i] = number((packed >> ((i ^ 1u) * 4u)) & 15u, scale);
#endif
}

float number_at(uint e) {
#if FORMAT == 0
    return number(BYTE(codes, FIRST_CODE, e), scale_of(e));
#else
    return number((BYTE(codes, FIRST_CODE, e >> 1) >> ((e & 1u) == 0u ? 4u : 0u)) & 15u, scale_of(e));
#endif
}
