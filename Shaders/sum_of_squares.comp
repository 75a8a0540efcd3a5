#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// Partial sums of squares, one a group: of all columns of some rows. With FINISHES, instead: the
// sum of such partial sums, and of an addend.
INPUT(0, x)
#if defined(FINISHES) && defined(HAS_ADDEND)
INPUT(1, addend)
OUTPUT(2, sum_of_squares)
#define OPERANDS 3
#else
OUTPUT(1, sum_of_squares)
#define OPERANDS 2
#endif
#include "common/rows.glsl"

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows, columns, elements of a group.
    uint columns = PARAMETER(OPERANDS, 1);
    uint count = PARAMETER(OPERANDS, 0) * columns;
    uint start = group_index() * PARAMETER(OPERANDS, 2);
    uint end = min(start + PARAMETER(OPERANDS, 2), count);
    float sum = 0.0;
    for (uint i = start + lane(); i < end; i += LANES) {
        uint row = i / columns;
        float value = x(row, i - row * columns);
#ifdef FINISHES
        sum += value;
#else
        sum += value * value;
#endif
    }
    sum = row_sum(sum);
    if (lane() != 0) return;
#if defined(FINISHES) && defined(HAS_ADDEND)
    sum += addend(0, 0);
#endif
    store_sum_of_squares(0, group_index(), sum);
}
