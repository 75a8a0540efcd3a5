#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// delta[t, h] = sum over head h of d_output * output
INPUT(0, d_output)
INPUT(1, result)
OUTPUT(2, delta)

#define OPERANDS 3
#include "common/rows.glsl"

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows times heads, heads, width of a head.
    uint item = row_of_group();
    uint heads = PARAMETER(OPERANDS, 1);
    uint width = item < PARAMETER(OPERANDS, 0) ? PARAMETER(OPERANDS, 2) : 0;
    uint row = item / heads;
    uint start = (item - row * heads) * width;
    float sum = 0.0;
    for (uint i = lane(); i < width; i += LANES) sum += d_output(row, start + i) * result(row, start + i);
    sum = row_sum(sum);
    if (width > 0 && lane() == 0) store_delta(row, item - row * heads, sum);
}
