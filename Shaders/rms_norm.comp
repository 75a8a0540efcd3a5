#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y = x * r * (weight_offset + weight) with r = 1 / sqrt(mean(x²) + epsilon), for each group of
// columns of each row.
INPUT(0, x)
INPUT(1, weight)
OUTPUT(2, y)
OUTPUT(3, inverse_rms)

#define OPERANDS 4
#include "common/rows.glsl"

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows times groups, groups in a row, width of a group, epsilon, weight offset.
    uint item = row_of_group();
    uint groups = PARAMETER(OPERANDS, 1);
    uint width = item < PARAMETER(OPERANDS, 0) ? PARAMETER(OPERANDS, 2) : 0;
    uint row = item / groups;
    uint start = (item - row * groups) * width;
    float sum = 0.0;
    for (uint i = lane(); i < width; i += LANES) {
        float value = x(row, start + i);
        sum += value * value;
    }
    sum = row_sum(sum);
    float r = 1.0 / sqrt(sum / float(PARAMETER(OPERANDS, 2)) + FLOAT_PARAMETER(OPERANDS, 3));
    float offset = FLOAT_PARAMETER(OPERANDS, 4);
    for (uint i = lane(); i < width; i += LANES) store_y(row, start + i, x(row, start + i) * r * (offset + weight(0, i)));
    if (width > 0 && lane() == 0) store_inverse_rms(row, item - row * groups, r);
}
