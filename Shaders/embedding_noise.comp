#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/philox.glsl"

// Adds noise to each row by the length of its example: four elements a drawing, so an element here
// is a run of four that one counter covers.
INPUT(0, x)
INPUT_INT(1, key_ranges)
INPUT_INT(2, query_ranges)
INPUT_INT(3, random_state)
OUTPUT(4, y)

#define OPERANDS 5

void element(uint row, uint run) {
    // Parameters: columns, first row, stream, alpha.
    uint columns = PARAMETER(OPERANDS, 3);
    uint high, low;
    umulExtended(row + PARAMETER(OPERANDS, 4), columns, high, low);
    uint before = low & 3u;
    uint counter = ((high << 30) | (low >> 2)) + run;
    uvec2 key = uvec2(random_state(0, 0), random_state(0, 1));
    uvec4 words = philox(uvec4(counter, PARAMETER(OPERANDS, 5), uint(random_state(0, 2)), uint(random_state(0, 3))), key);
    float length = float(query_ranges(row, 1) - key_ranges(row, 0));
    float scale = length > 0.0 ? FLOAT_PARAMETER(OPERANDS, 6) / sqrt(length * float(columns)) : 0.0;
    for (uint i = 0; i < 4; i++) {
        uint column = 4u * run + i - before;
        if (column < columns) store_y(row, column, x(row, column) + scale * (float(words[i] >> 8) * 1.1920928955078125e-7 - 1.0));
    }
}

#include "common/elementwise.glsl"
