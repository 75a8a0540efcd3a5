#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[rows[r], :] = x[r, :]; y's piece begins at row first_row. With CLEARS, instead: zeros
// everywhere.
INPUT(0, x)
INPUT_INT(1, rows)
OUTPUT(2, y)

#define OPERANDS 3

void element(uint row, uint column) {
#ifdef CLEARS
    store_y(row, column, 0.0);
#else
    // -1 and rows before the piece wrap around to large numbers.
    int named = rows(row, 0);
    uint target = uint(named) - PARAMETER(OPERANDS, 3);
    if (named >= 0 && target < PARAMETER(OPERANDS, 4)) store_y(target, column, x(row, column));
#endif
}

#include "common/elementwise.glsl"
