#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y = x / max(sqrt(sum), 1e-7)
INPUT(0, x)
INPUT(1, sum)
OUTPUT(2, y)

#define OPERANDS 3

void element(uint row, uint column) { store_y(row, column, x(row, column) / max(sqrt(sum(0, 0)), 1e-7)); }

#include "common/elementwise.glsl"
