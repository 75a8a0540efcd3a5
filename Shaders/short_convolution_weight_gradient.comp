#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// accumulator[c, TAPS - 1 - j] += sum over i of dy[i, c] * x[i - j, c], over the rows that row i
// sees
INPUT(0, dy)
INPUT(1, x)
INPUT_INT(2, ranges)
IN_OUT(3, accumulator)

#define OPERANDS 4

int tap;
float term(uint row, uint column) {
    int other = int(row) - tap;
    int end = min(int(PARAMETER(OPERANDS, 0)), ranges(row, 1));
    return other >= max(0, ranges(row, 0)) && other < end ? dy(row, column) * x(uint(other), column) : 0.0;
}

#include "common/columns.glsl"

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows, columns.
    uint column = group_index() * COLUMN_LANES + gl_LocalInvocationID.x % COLUMN_LANES;
    bool is_inside = column < PARAMETER(OPERANDS, 1);
    for (tap = 0; tap < TAPS; tap++) {
        // Nobody writes what another still reads of the sum before.
        barrier();
        float sum = column_sum(PARAMETER(OPERANDS, 0), column, is_inside);
        uint place = uint(TAPS - 1 - tap);
        if (is_inside && gl_LocalInvocationID.x < COLUMN_LANES) {
            store_accumulator(column, place, accumulator(column, place) + sum);
        }
    }
}
