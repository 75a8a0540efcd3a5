#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"
#include "common/gate.glsl"

// d_gate = dy * up * f'(gate), d_up = dy * f(gate); the results may lie where gate and up do.
INPUT(0, dy)
INPUT(1, gate)
INPUT(2, up)
OUTPUT(3, d_gate)
OUTPUT(4, d_up)

void element(uint row, uint column) {
    float gradient = dy(row, column);
    vec2 curve = activation(gate(row, column));
    float factor = up(row, column);
    store_d_gate(row, column, gradient * factor * curve.y);
    store_d_up(row, column, gradient * curve.x);
}

#define OPERANDS 5
#include "common/elementwise.glsl"
