#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// dx[start + r, :] = dy[r, :] + addend[start + r, :], elsewhere the addend or zero.
INPUT(0, dy)
#ifdef HAS_ADDEND
INPUT(1, addend)
OUTPUT(2, dx)
#define OPERANDS 3
#else
OUTPUT(1, dx)
#define OPERANDS 2
#endif

void element(uint row, uint column) {
    // Parameters behind those of all: start, the first row of dx's piece, rows of dy. Rows before
    // the first of dy wrap around to large numbers.
    uint source = row + PARAMETER(OPERANDS, 4) - PARAMETER(OPERANDS, 3);
    float value = source < PARAMETER(OPERANDS, 5) ? dy(source, column) : 0.0;
#ifdef HAS_ADDEND
    value += addend(row, column);
#endif
    store_dx(row, column, value);
}

#include "common/elementwise.glsl"
