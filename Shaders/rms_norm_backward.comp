#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// dx = r * g - x * r³ / n * sum(g * x) + addend with g = dy * (weight_offset + weight), for each
// group of columns of each row.
INPUT(0, dy)
INPUT(1, x)
INPUT(2, weight)
INPUT(3, inverse_rms)
#ifdef HAS_ADDEND
INPUT(4, addend)
OUTPUT(5, dx)
#define OPERANDS 6
#else
OUTPUT(4, dx)
#define OPERANDS 5
#endif
#include "common/rows.glsl"

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows times groups, groups in a row, width of a group, weight offset.
    uint item = row_of_group();
    uint groups = PARAMETER(OPERANDS, 1);
    uint width = item < PARAMETER(OPERANDS, 0) ? PARAMETER(OPERANDS, 2) : 0;
    uint row = item / groups;
    uint start = (item - row * groups) * width;
    float offset = FLOAT_PARAMETER(OPERANDS, 3);
    float sum = 0.0;
    for (uint i = lane(); i < width; i += LANES) sum += dy(row, start + i) * (offset + weight(0, i)) * x(row, start + i);
    sum = row_sum(sum);
    if (width == 0) return;
    float r = inverse_rms(row, item - row * groups);
    float common_factor = r * r * r / float(width) * sum;
    for (uint i = lane(); i < width; i += LANES) {
        float value = r * dy(row, start + i) * (offset + weight(0, i)) - x(row, start + i) * common_factor;
#ifdef HAS_ADDEND
        value += addend(row, start + i);
#endif
        store_dx(row, start + i, value);
    }
}
