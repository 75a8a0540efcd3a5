#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[o] = 1 / sqrt(squares[o] + sum over k of b[o, k] * (2 * scale * p[k, o] + scale^2 * h[o, k])),
// 0 where the root is of nothing
INPUT(0, squares)
INPUT(1, p)
INPUT(2, b)
INPUT(3, h)
OUTPUT(4, y)

#define OPERANDS 5

void element(uint row, uint column) {
    // Parameters behind those of the tiling: rank, scale.
    uint rank = PARAMETER(OPERANDS, 3);
    float scale = FLOAT_PARAMETER(OPERANDS, 4);
    float sum = 0.0;
    for (uint k = 0; k < rank; k++) sum += b(column, k) * (2.0 * scale * p(k, column) + scale * scale * h(column, k));
    sum += squares(0, column);
    store_y(0, column, sum > 0.0 ? 1.0 / sqrt(sum) : 0.0);
}

#include "common/elementwise.glsl"
