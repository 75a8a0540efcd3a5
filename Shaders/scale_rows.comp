#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[r, :] = factors[places[r]] * x[r, :], zeros for -1; without HAS_PLACES factors[r]
INPUT(0, x)
INPUT(1, factors)
#ifdef HAS_PLACES
INPUT_INT(2, places)
OUTPUT(3, y)
#define OPERANDS 4
#else
OUTPUT(2, y)
#define OPERANDS 3
#endif

void element(uint row, uint column) {
#ifdef HAS_PLACES
    uint place = uint(places(row, 0));
#else
    uint place = row;
#endif
    // Parameter: rows of the factors, which a place of -1 is above.
    store_y(row, column, place < PARAMETER(OPERANDS, 3) ? x(row, column) * factors(place, 0) : 0.0);
}

#include "common/elementwise.glsl"
