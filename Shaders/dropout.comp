#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/philox.glsl"

// Philox4x32-10 decides which elements stay: four elements a drawing, so an element here is a run
// of four that one counter covers.
INPUT(0, x)
INPUT_INT(1, random_state)
OUTPUT(2, y)

#define OPERANDS 3

void element(uint row, uint run) {
    // Parameters: columns, first row, stream, the smallest word that stays, the factor of what
    // stays.
    uint columns = PARAMETER(OPERANDS, 3);
    uint high, low;
    umulExtended(row + PARAMETER(OPERANDS, 4), columns, high, low);
    uint before = low & 3u;
    uint counter = ((high << 30) | (low >> 2)) + run;
    uvec2 key = uvec2(random_state(0, 0), random_state(0, 1));
    uvec4 words = philox(uvec4(counter, PARAMETER(OPERANDS, 5), uint(random_state(0, 2)), uint(random_state(0, 3))), key);
    for (uint i = 0; i < 4; i++) {
        uint column = 4u * run + i - before;
        if (column < columns) {
            float value = words[i] >= PARAMETER(OPERANDS, 6) ? x(row, column) * FLOAT_PARAMETER(OPERANDS, 7) : 0.0;
            store_y(row, column, value);
        }
    }
}

#include "common/elementwise.glsl"
