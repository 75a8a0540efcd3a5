#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[t, :] = scale * table[tokens[t], :]; the table's piece begins at row first_row and has
// table_rows rows.
INPUT(0, table)
INPUT_INT(1, tokens)
OUTPUT(2, y)

#define OPERANDS 3

void element(uint row, uint column) {
    uint source = uint(tokens(row, 0)) - PARAMETER(OPERANDS, 4);
    float scale = FLOAT_PARAMETER(OPERANDS, 3);
    // A token before the piece wraps around to a large number.
    if (source < PARAMETER(OPERANDS, 5)) store_y(row, column, scale * table(source, column));
}

#include "common/elementwise.glsl"
