#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[places[t, j], :] = weights[t, j] * x[places[t, j], :], with COUNT places for each t: a row here
// is one of them. y may lie where x does.
INPUT(0, x)
INPUT(1, weights)
INPUT_INT(2, places)
OUTPUT(3, y)
#define OPERANDS 4

void element(uint row, uint column) {
    uint place = uint(places(row / COUNT, row % COUNT));
    if (place < PARAMETER(OPERANDS, 0)) store_y(place, column, weights(row / COUNT, row % COUNT) * x(place, column));
}

#include "common/elementwise.glsl"
