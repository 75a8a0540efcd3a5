#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// Turns each pair of a head by the angle of its row: (x[i], x[i + half]), or with INTERLEAVED (x[2
// i], x[2 i + 1]). Columns behind the pairs are copied. An element here is a pair or a copied
// column: UNITS of them in each head.
INPUT(0, x)
INPUT(1, table)
INPUT_INT(2, rows)
OUTPUT(3, y)

#define OPERANDS 4
layout(constant_id = 3) const uint HEAD_WIDTH = 64;
layout(constant_id = 4) const uint HALF = 32;
const uint UNITS = HEAD_WIDTH - HALF;

void element(uint row, uint unit) {
    uint head = unit / UNITS;
    uint i = unit - head * UNITS;
    uint column = head * HEAD_WIDTH + i;
    if (i >= HALF) {
        store_y(row, column + HALF, x(row, column + HALF));
        return;
    }
    uint position = uint(rows(row, 0));
    float cosine = table(position, i);
    // Parameter 3: 1, or -1 for the inverse.
    float sine = FLOAT_PARAMETER(OPERANDS, 3) * table(position, HALF + i);
#ifdef INTERLEAVED
    column += i;
    uint partner = column + 1;
#else
    uint partner = column + HALF;
#endif
    float first = x(row, column);
    float second = x(row, partner);
    store_y(row, column, first * cosine - second * sine);
    store_y(row, partner, second * cosine + first * sine);
}

#include "common/elementwise.glsl"
