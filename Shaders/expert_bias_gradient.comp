#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// accumulator[e, :] += the sum of dy[p, :] over the rows p of expert e.
// Parameters: rows, columns, groups side by side.
INPUT(0, dy)
INPUT_INT(1, offsets)
IN_OUT(2, accumulator)

#define OPERANDS 3

uint first_row;
float term(uint row, uint column) { return dy(first_row + row, column); }

#include "common/columns.glsl"

void main() {
    if (group_index() >= group_count()) return;
    int limit = int(PARAMETER(OPERANDS, 0));
    uint across = PARAMETER(OPERANDS, 2);
    uint expert = group_index() / across;
    uint column = (group_index() - expert * across) * COLUMN_LANES + gl_LocalInvocationID.x % COLUMN_LANES;
    bool is_inside = column < PARAMETER(OPERANDS, 1);
    first_row = uint(clamp(offsets(expert, 0), 0, limit));
    uint end = max(first_row, uint(clamp(offsets(expert + 1u, 0), 0, limit)));
    float sum = column_sum(end - first_row, column, is_inside);
    if (is_inside && gl_LocalInvocationID.x < COLUMN_LANES) {
        store_accumulator(expert, column, accumulator(expert, column) + sum);
    }
}
