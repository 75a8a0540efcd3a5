#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#include "common/operands.glsl"

// The part of a weight of few bits that a product is about to read: w[row, column] is the number at
// (first row + row, first column + column). FORMAT is 0 for q8, 1 for nf4: scales, codes and groups
// lie as Sources/Quantization/QuantizedFormat.swift says, and of each no more is bound than is read
// here. FORMAT is 2 for blocks, of which the rows are bound.
#if FORMAT == 2
INPUT_INT(0, blocks)
OUTPUT(1, w)
#define OPERANDS 2
#define BLOCK_WORD(index) uint(blocks_memory.elements[index])
#include "common/blocks.glsl"
#else
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
#endif

#ifdef RUN
// Eight numbers from one that is a multiple of eight: `column` counts such runs.
void element(uint row, uint column) {
    float numbers[8];
#if FORMAT == 2
    run_of_blocks(ELEMENT(0, PARAMETER(OPERANDS, 3) + row, 0), PARAMETER(OPERANDS, 4) + column * 8u, numbers);
#else
    run_of_numbers((PARAMETER(OPERANDS, 3) + row) * PARAMETER(OPERANDS, 5) + PARAMETER(OPERANDS, 4) + column * 8u, numbers);
#endif
    [[unroll]] for (uint i = 0; i < 8; i++) store_w(row, column * 8u + i, numbers[i]);
}
#else
void element(uint row, uint column) {
#if FORMAT == 2
    store_w(row, column, block_number_at(ELEMENT(0, PARAMETER(OPERANDS, 3) + row, 0), PARAMETER(OPERANDS, 4) + column));
#else
    store_w(row, column, number_at((PARAMETER(OPERANDS, 3) + row) * PARAMETER(OPERANDS, 5) + PARAMETER(OPERANDS, 4) + column));
#endif
}
#endif

#include "common/elementwise.glsl"
