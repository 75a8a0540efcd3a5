#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// accumulator[j] += sum over rows and groups of dy * x * inverse_rms; a term here is one group of
// one row.
INPUT(0, dy)
INPUT(1, x)
INPUT(2, inverse_rms)
IN_OUT(3, accumulator)

#define OPERANDS 4

float term(uint item, uint column) {
    // Parameters: rows times groups, groups in a row, width of a group.
    uint row = item / PARAMETER(OPERANDS, 1);
    uint group = item - row * PARAMETER(OPERANDS, 1);
    uint start = group * PARAMETER(OPERANDS, 2) + column;
    return dy(row, start) * x(row, start) * inverse_rms(row, group);
}

#include "common/columns.glsl"

void main() {
    if (group_index() >= group_count()) return;
    uint column = group_index() * COLUMN_LANES + gl_LocalInvocationID.x % COLUMN_LANES;
    bool is_inside = column < PARAMETER(OPERANDS, 2);
    float sum = column_sum(PARAMETER(OPERANDS, 0), column, is_inside);
    if (is_inside && gl_LocalInvocationID.x < COLUMN_LANES) store_accumulator(0, column, accumulator(0, column) + sum);
}
