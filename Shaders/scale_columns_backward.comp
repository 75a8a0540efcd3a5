#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// accumulator[j] += sum over rows of dy[row, j] * x[row, j] * inverses[j]
INPUT(0, dy)
INPUT(1, x)
INPUT(2, inverses)
IN_OUT(3, accumulator)

#define OPERANDS 4

float term(uint row, uint column) { return dy(row, column) * x(row, column) * inverses(0, column); }

#include "common/columns.glsl"

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows, columns.
    uint column = group_index() * COLUMN_LANES + gl_LocalInvocationID.x % COLUMN_LANES;
    bool is_inside = column < PARAMETER(OPERANDS, 1);
    float sum = column_sum(PARAMETER(OPERANDS, 0), column, is_inside);
    if (is_inside && gl_LocalInvocationID.x < COLUMN_LANES) store_accumulator(0, column, accumulator(0, column) + sum);
}
