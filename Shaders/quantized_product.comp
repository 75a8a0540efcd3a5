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
#define FIRST_SCALE PARAMETER(OPERANDS, 6)
#define FIRST_CODE PARAMETER(OPERANDS, 7)
#define FIRST_GROUP PARAMETER(OPERANDS, 8)
#include "common/quantized.glsl"

#ifdef RUN
// Eight numbers from one that is a multiple of eight: `column` counts such runs.
void element(uint row, uint column) {
    float numbers[8];
    run_of_numbers((PARAMETER(OPERANDS, 3) + row) * PARAMETER(OPERANDS, 5) + PARAMETER(OPERANDS, 4) + column * 8u, numbers);
    [[unroll]] for (uint i = 0; i < 8; i++) store_w(row, column * 8u + i, numbers[i]);
}
#else
void element(uint row, uint column) {
    store_w(row, column, number_at((PARAMETER(OPERANDS, 3) + row) * PARAMETER(OPERANDS, 5) + PARAMETER(OPERANDS, 4) + column));
}
#endif

#include "common/elementwise.glsl"
