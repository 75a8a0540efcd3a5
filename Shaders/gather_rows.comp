#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[r, :] = x[rows[r], :], zeros for -1; x's piece begins at row first_row.
INPUT(0, x)
INPUT_INT(1, rows)
OUTPUT(2, y)

#define OPERANDS 3

void element(uint row, uint column) {
    int named = rows(row, 0);
    uint first_row = PARAMETER(OPERANDS, 3);
    uint source = uint(named) - first_row;
    if (named < 0) {
        if (first_row == 0) store_y(row, column, 0.0);
    } else if (source < PARAMETER(OPERANDS, 4)) {
        store_y(row, column, x(source, column));
    }
}

#include "common/elementwise.glsl"
