#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"
#include "common/gate.glsl"

// y = f(x); the result may lie where x does.
INPUT(0, x)
OUTPUT(1, y)

void element(uint row, uint column) { store_y(row, column, activation(x(row, column)).x); }

#define OPERANDS 2
#include "common/elementwise.glsl"
