#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// The same number in another type.
INPUT(0, x)
OUTPUT(1, y)

void element(uint row, uint column) { store_y(row, column, x(row, column)); }

#define OPERANDS 2
#include "common/elementwise.glsl"
