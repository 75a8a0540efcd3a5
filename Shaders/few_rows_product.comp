#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#include "common/operands.glsl"

// c = x * Wᵀ + addend for few rows of x and a W of few bits, which is read once, as it lies: an
// invocation computes ROWS rows of one column. FORMAT is that of quantized_product.comp. A number
// of W is rounded to the type of x, and each sum runs over the inner size in ascending order, by
// fused multiply-adds: the same bytes as those of quantized_product.comp with matrix_product.comp.
INPUT(0, x)
#if FORMAT == 2
INPUT_INT(1, blocks)
#define NEXT 2
#elif FORMAT == 0
INPUT_INT(1, scales)
INPUT_INT(2, codes)
#define NEXT 3
#else
INPUT_INT(1, scales)
INPUT_INT(2, codes)
INPUT_INT(3, groups)
INPUT_INT(4, tables)
#define NEXT 5
#endif
#ifdef HAS_ADDEND
#if FORMAT == 2
INPUT(2, addend)
OUTPUT(3, c)
#elif FORMAT == 0
INPUT(3, addend)
OUTPUT(4, c)
#else
INPUT(5, addend)
OUTPUT(6, c)
#endif
#define OPERANDS (NEXT + 2)
#else
#if FORMAT == 2
OUTPUT(2, c)
#elif FORMAT == 0
OUTPUT(3, c)
#else
OUTPUT(5, c)
#endif
#define OPERANDS (NEXT + 1)
#endif

// Parameters: rows, columns, inner size; with blocks, whose rows are bound, no more; else of
// scales, codes and groups the first word that is bound, the weight's first row.
#if FORMAT == 2
#define BLOCK_WORD(index) uint(blocks_memory.elements[index])
#include "common/blocks.glsl"
#else
#define FIRST_SCALE PARAMETER(OPERANDS, 3)
#define FIRST_CODE PARAMETER(OPERANDS, 4)
#define FIRST_GROUP PARAMETER(OPERANDS, 5)
#include "common/quantized.glsl"
#endif

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint GROUP_SIZE = 64;

// A number of W as the type of x holds it.
float stored(float value) {
#if OPERAND_TYPE_0 == BFLOAT16
    return float_from_bfloat16(bfloat16_from_float(value));
#elif OPERAND_TYPE_0 == FLOAT16
    return float_from_half(half_from_float(value));
#else
    return value;
#endif
}

void main() {
    if (group_index() >= group_count()) return;
    uint rows = PARAMETER(OPERANDS, 0);
    uint columns = PARAMETER(OPERANDS, 1);
    uint inner = PARAMETER(OPERANDS, 2);
    uint across = (columns + GROUP_SIZE - 1) / GROUP_SIZE;
    uint down = group_index() / across;
    uint column = (group_index() - down * across) * GROUP_SIZE + gl_LocalInvocationID.x;
    if (column >= columns) return;
    // Rows beyond the border are computed from the last one and not stored.
    uint starts[ROWS];
    float sums[ROWS];
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        starts[i] = ELEMENT(0, min(down * ROWS + i, rows - 1), 0);
        sums[i] = 0.0;
    }
#if FORMAT == 2
    uint first = ELEMENT(1, column, 0);
#else
    uint first = (PARAMETER(OPERANDS, 6) + column) * inner;
#endif
    for (uint k = 0; k < inner; k += 8u) {
        float numbers[8];
#if FORMAT == 2
        run_of_blocks(first, k, numbers);
#else
        run_of_numbers(first + k, numbers);
#endif
        [[unroll]] for (uint d = 0; d < 8; d++) {
            float w = stored(numbers[d]);
            [[unroll]] for (uint i = 0; i < ROWS; i++) sums[i] = fma(x_at(starts[i] + k + d), w, sums[i]);
        }
    }
    [[unroll]] for (uint i = 0; i < ROWS; i++) {
        uint row = down * ROWS + i;
        if (row < rows) {
            float value = sums[i];
#ifdef HAS_ADDEND
            value += addend(row, column);
#endif
            store_c(row, column, value);
        }
    }
}
