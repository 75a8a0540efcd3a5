#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y = (x - mean(x)) * r * weight + bias with r = 1 / sqrt(variance(x) + epsilon), for each row.
INPUT(0, x)
INPUT(1, weight)
INPUT(2, bias)
OUTPUT(3, y)
OUTPUT(4, statistics)

#define OPERANDS 5
#include "common/rows.glsl"

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows, columns, epsilon.
    uint row = row_of_group();
    uint columns = row < PARAMETER(OPERANDS, 0) ? PARAMETER(OPERANDS, 1) : 0;
    float sum = 0.0;
    for (uint i = lane(); i < columns; i += LANES) sum += x(row, i);
    float mean = row_sum(sum) / float(PARAMETER(OPERANDS, 1));
    float squares = 0.0;
    for (uint i = lane(); i < columns; i += LANES) {
        float distance_from_mean = x(row, i) - mean;
        squares += distance_from_mean * distance_from_mean;
    }
    float r = 1.0 / sqrt(row_sum(squares) / float(PARAMETER(OPERANDS, 1)) + FLOAT_PARAMETER(OPERANDS, 2));
    for (uint i = lane(); i < columns; i += LANES) store_y(row, i, (x(row, i) - mean) * r * weight(0, i) + bias(0, i));
    if (columns > 0 && lane() == 0) {
        store_statistics(row, 0, mean);
        store_statistics(row, 1, r);
    }
}
