#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"
#include "common/gate.glsl"

// dx = dy * f'(x); the result may lie where x does.
INPUT(0, dy)
INPUT(1, x)
OUTPUT(2, dx)

void element(uint row, uint column) { store_dx(row, column, dy(row, column) * activation(x(row, column)).y); }

#define OPERANDS 3
#include "common/elementwise.glsl"
