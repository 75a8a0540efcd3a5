#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y = a * b
INPUT(0, a)
INPUT(1, b)
OUTPUT(2, y)

void element(uint row, uint column) { store_y(row, column, a(row, column) * b(row, column)); }

#define OPERANDS 3
#include "common/elementwise.glsl"
