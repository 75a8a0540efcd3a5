#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[t, :] = addend[t, :] + the sum over COUNT places of x[places[t, j], :].
INPUT(0, x)
INPUT_INT(1, places)
#ifdef HAS_ADDEND
INPUT(2, addend)
OUTPUT(3, y)
#define OPERANDS 4
#else
OUTPUT(2, y)
#define OPERANDS 3
#endif

void element(uint row, uint column) {
    float sum = 0.0;
    for (uint j = 0; j < COUNT; j++) {
        uint place = uint(places(row, j));
        if (place < PARAMETER(OPERANDS, 0) * COUNT) sum += x(place, column);
    }
#ifdef HAS_ADDEND
    sum += addend(row, column);
#endif
    store_y(row, column, sum);
}

#include "common/elementwise.glsl"
