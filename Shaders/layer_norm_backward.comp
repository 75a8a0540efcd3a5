#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// dx = r * (g - mean(g) - (x - m) * r² / n * sum(g * (x - m))) + addend with g = dy * weight and
// (m, r) = statistics, for each row of n columns.
INPUT(0, dy)
INPUT(1, x)
INPUT(2, weight)
INPUT(3, statistics)
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
    // Parameters: rows, columns.
    uint row = row_of_group();
    bool is_inside = row < PARAMETER(OPERANDS, 0);
    uint columns = is_inside ? PARAMETER(OPERANDS, 1) : 0;
    float mean = is_inside ? statistics(row, 0) : 0.0;
    float sum = 0.0;
    float product = 0.0;
    for (uint i = lane(); i < columns; i += LANES) {
        float g = dy(row, i) * weight(0, i);
        sum += g;
        product += g * (x(row, i) - mean);
    }
    sum = row_sum(sum);
    product = row_sum(product);
    if (columns == 0) return;
    float r = statistics(row, 1);
    float shift = r / float(columns) * sum;
    float slope = r * r * r / float(columns) * product;
    for (uint i = lane(); i < columns; i += LANES) {
        float value = r * dy(row, i) * weight(0, i) - shift - (x(row, i) - mean) * slope;
#ifdef HAS_ADDEND
        value += addend(row, i);
#endif
        store_dx(row, i, value);
    }
}
