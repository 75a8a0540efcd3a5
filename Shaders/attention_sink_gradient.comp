#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// accumulator[h] -= sum over rows of exp(sinks[h] - log_sum_exp[row, h]) * delta[row, h]
INPUT(0, sinks)
INPUT(1, log_sum_exp)
INPUT(2, delta)
IN_OUT(3, accumulator)

#define OPERANDS 4

float term(uint row, uint column) {
    float share = delta(row, column);
    // A row that sees no key has no share to give.
    return share == 0.0 ? 0.0 : exp(sinks(0, column) - log_sum_exp(row, column)) * share;
}

#include "common/columns.glsl"

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows, columns.
    uint column = group_index() * COLUMN_LANES + gl_LocalInvocationID.x % COLUMN_LANES;
    bool is_inside = column < PARAMETER(OPERANDS, 1);
    float sum = column_sum(PARAMETER(OPERANDS, 0), column, is_inside);
    if (is_inside && gl_LocalInvocationID.x < COLUMN_LANES) store_accumulator(0, column, accumulator(0, column) - sum);
}
