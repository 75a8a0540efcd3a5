#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// The part of a quantised weight that a product is about to read: w[row, column] is the number at (first_row + row, first_column + column).
// Parts of `words` lie as Sources/Quantization/QuantizedFormat.swift says. FORMAT is 0 for q8, 1 for nf4.
INPUT_INT(0, words)
OUTPUT(1, w)

#define OPERANDS 2

uint word(uint index) { return uint(words(0, index)); }
uint byte_of(uint first_word, uint index) { return (word(first_word + (index >> 2)) >> ((index & 3u) * 8u)) & 0xFFu; }

void element(uint row, uint column) {
    uint e = (PARAMETER(OPERANDS, 3) + row) * PARAMETER(OPERANDS, 5) + PARAMETER(OPERANDS, 4) + column;
    uint scale_word = PARAMETER(OPERANDS, 6);
    uint group_word = PARAMETER(OPERANDS, 7);
    uint code_word = PARAMETER(OPERANDS, 8);
#if FORMAT == 0
    uint block = e >> 5;
    float scale = float_from_half((word(scale_word + (block >> 1)) >> ((block & 1u) * 16u)) & 0xFFFFu);
    precise float value = float(int(byte_of(code_word, e) << 24) >> 24) * scale;
#else
    uint block = e >> 6;
    // Two roundings, as the published definition has them.
    precise float product = uintBitsToFloat(word(16u + byte_of(scale_word, block))) * uintBitsToFloat(word(group_word + (block >> 8)));
    precise float scale = product + uintBitsToFloat(word(272u));
    uint code = (byte_of(code_word, e >> 1) >> ((e & 1u) == 0u ? 4u : 0u)) & 15u;
    precise float value = uintBitsToFloat(word(code)) * scale;
#endif
    store_w(row, column, value);
}

#include "common/elementwise.glsl"
