#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y = factor * x; the result may lie where x does.
INPUT(0, x)
OUTPUT(1, y)

#define OPERANDS 2

void element(uint row, uint column) { store_y(row, column, FLOAT_PARAMETER(OPERANDS, 3) * x(row, column)); }

#include "common/elementwise.glsl"
