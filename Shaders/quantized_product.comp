#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#include "common/operands.glsl"

// The part of a quantised weight that a product is about to read: w[row, column] is the number at
// (first row + row, first column + column). Its scales, codes and groups lie as
// Sources/Quantization/QuantizedFormat.swift says; of each no more is bound than is read here.
// FORMAT is 0 for q8, 1 for nf4.
INPUT_INT(0, scales)
INPUT_INT(1, codes)
#if FORMAT == 0
OUTPUT(2, w)
#define OPERANDS 3
#else
INPUT_INT(2, groups)
INPUT_INT(3, tables)
OUTPUT(4, w)
#define OPERANDS 5
#endif

// Parameters: those of elementwise kernels, first row, first column, columns of the weight; of
// scales, codes and groups the first word that is bound.
#define WORD(part, index) uint(part(0, index))
#define BYTE(part, first_word, index) ((WORD(part, ((index) >> 2) - first_word) >> (((index) & 3u) * 8u)) & 0xFFu)

float scale_of(uint e) {
    uint first_scale = PARAMETER(OPERANDS, 6);
#if FORMAT == 0
    uint block = e >> 5;
    return float_from_half((WORD(scales, (block >> 1) - first_scale) >> ((block & 1u) * 16u)) & 0xFFFFu);
#else
    uint block = e >> 6;
    // Two roundings, as the published definition has them.
    precise float product =
        uintBitsToFloat(WORD(tables, 16u + BYTE(scales, first_scale, block))) * uintBitsToFloat(WORD(groups, (block >> 8) - PARAMETER(OPERANDS, 8)));
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

#ifdef RUN
// Eight numbers from one that is a multiple of eight: `column` counts such runs.
void element(uint row, uint column) {
    uint e = (PARAMETER(OPERANDS, 3) + row) * PARAMETER(OPERANDS, 5) + PARAMETER(OPERANDS, 4) + column * 8u;
    uint first_code = PARAMETER(OPERANDS, 7);
    float scale = scale_of(e);
#if FORMAT == 0
    [[unroll]] for (uint part = 0; part < 2; part++) {
        uint packed = WORD(codes, (e >> 2) + part - first_code);
        [[unroll]] for (uint i = 0; i < 4; i++) store_w(row, column * 8u + part * 4u + i, number((packed >> (i * 8u)) & 0xFFu, scale));
    }
#else
    uint packed = WORD(codes, (e >> 3) - first_code);
    [[unroll]] for (uint i = 0; i < 8; i++) store_w(row, column * 8u + i, number((packed >> ((i ^ 1u) * 4u)) & 15u, scale));
#endif
}
#else
void element(uint row, uint column) {
    uint e = (PARAMETER(OPERANDS, 3) + row) * PARAMETER(OPERANDS, 5) + PARAMETER(OPERANDS, 4) + column;
    uint first_code = PARAMETER(OPERANDS, 7);
#if FORMAT == 0
    store_w(row, column, number(BYTE(codes, first_code, e), scale_of(e)));
#else
    store_w(row, column, number((BYTE(codes, first_code, e >> 1) >> ((e & 1u) == 0u ? 4u : 0u)) & 15u, scale_of(e)));
#endif
}
#endif

#include "common/elementwise.glsl"
