#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[t, :] = x[t, :] + bias
INPUT(0, x)
INPUT(1, bias)
OUTPUT(2, y)

void element(uint row, uint column) { store_y(row, column, x(row, column) + bias(0, column)); }

#define OPERANDS 3
#include "common/elementwise.glsl"
