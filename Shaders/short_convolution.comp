#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[i, c] = sum over j of weight[c, TAPS - 1 - j] * x[i - j, c], over the rows that row i sees
INPUT(0, x)
INPUT(1, weight)
INPUT_INT(2, ranges)
OUTPUT(3, y)
#define OPERANDS 4

void element(uint row, uint column) {
    int first = max(0, ranges(row, 0));
    int end = min(int(PARAMETER(OPERANDS, 0)), ranges(row, 1));
    float sum = 0.0;
    for (int tap = 0; tap < TAPS; tap++) {
        int other = int(row) - tap;
        if (other >= first && other < end) sum = fma(x(uint(other), column), weight(column, TAPS - 1 - tap), sum);
    }
    store_y(row, column, sum);
}

#include "common/elementwise.glsl"
