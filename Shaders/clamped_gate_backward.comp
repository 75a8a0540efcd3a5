#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// d_gate = dy * (u + 1) * f'(g), d_up = dy * f(g) with f(g) = g * sigmoid(alpha * g) and g, u as in
// clamped_gate.comp; zero where gate or up was cut. The results may lie where gate and up do.
INPUT(0, dy)
INPUT(1, gate)
INPUT(2, up)
OUTPUT(3, d_gate)
OUTPUT(4, d_up)
#define OPERANDS 5

void element(uint row, uint column) {
    float alpha = FLOAT_PARAMETER(OPERANDS, 3);
    float limit = FLOAT_PARAMETER(OPERANDS, 4);
    float gradient = dy(row, column);
    float g = gate(row, column);
    float u = up(row, column);
    bool is_gate_cut = g > limit;
    bool is_up_cut = u > limit || u < -limit;
    if (is_gate_cut) g = limit;
    if (is_up_cut) u = u > limit ? limit : -limit;
    float s = sigmoid(alpha * g);
    float slope = s + alpha * g * s * (1.0 - s);
    store_d_gate(row, column, is_gate_cut ? 0.0 : gradient * (u + 1.0) * slope);
    store_d_up(row, column, is_up_cut ? 0.0 : gradient * (g * s));
}

#include "common/elementwise.glsl"
