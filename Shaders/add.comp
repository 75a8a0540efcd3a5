#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// c = a + b
INPUT(0, a)
INPUT(1, b)
OUTPUT(2, c)

void element(uint row, uint column) { store_c(row, column, a(row, column) + b(row, column)); }

#define OPERANDS 3
#include "common/elementwise.glsl"
