#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[t, j] = x[t, j] * magnitudes[j] * inverses[j]
INPUT(0, x)
INPUT(1, magnitudes)
INPUT(2, inverses)
OUTPUT(3, y)

void element(uint row, uint column) {
    store_y(row, column, x(row, column) * (magnitudes(0, column) * inverses(0, column)));
}

#define OPERANDS 4
#include "common/elementwise.glsl"
