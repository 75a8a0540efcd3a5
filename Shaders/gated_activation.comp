#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"
#include "common/gate.glsl"

// y = f(gate) * up
INPUT(0, gate)
INPUT(1, up)
OUTPUT(2, y)

void element(uint row, uint column) { store_y(row, column, activation(gate(row, column)).x * up(row, column)); }

#define OPERANDS 3
#include "common/elementwise.glsl"
