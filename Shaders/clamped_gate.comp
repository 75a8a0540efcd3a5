#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// y = (u + 1) * g * sigmoid(alpha * g) with g = min(gate, limit), u = max(-limit, min(up, limit)).
// Parameters behind those of elementwise.glsl: alpha, limit.
INPUT(0, gate)
INPUT(1, up)
OUTPUT(2, y)
#define OPERANDS 3

void element(uint row, uint column) {
    float alpha = FLOAT_PARAMETER(OPERANDS, 3);
    float limit = FLOAT_PARAMETER(OPERANDS, 4);
    float g = gate(row, column);
    float u = up(row, column);
    // What is not a number stays so.
    if (g > limit) g = limit;
    if (u > limit) u = limit;
    if (u < -limit) u = -limit;
    store_y(row, column, (u + 1.0) * (g * sigmoid(alpha * g)));
}

#include "common/elementwise.glsl"
