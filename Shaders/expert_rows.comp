#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[places[t, j], :] = x[t, :], with COUNT places for each t: a row here is one of them.
INPUT(0, x)
INPUT_INT(1, places)
OUTPUT(2, y)
#define OPERANDS 3

void element(uint row, uint column) {
    uint place = uint(places(row / COUNT, row % COUNT));
    if (place < PARAMETER(OPERANDS, 0)) store_y(place, column, x(row / COUNT, column));
}

#include "common/elementwise.glsl"
