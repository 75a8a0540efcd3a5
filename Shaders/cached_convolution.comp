#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[i, c] = sum over j of weight[c, TAPS - 1 - j] * what the cache has of column c at the position
// j before the last one that row i sees. Parameters behind those of elementwise.glsl: rows of
// `pages`, its columns, rows of the cache.
INPUT(0, cache)
INPUT(1, weight)
INPUT_INT(2, ranges)
INPUT_INT(3, sequences)
INPUT_INT(4, pages)
OUTPUT(5, y)
#define OPERANDS 6

void element(uint row, uint column) {
    int sequence = sequences(row, 0);
    bool is_held = sequence >= 0 && sequence < int(PARAMETER(OPERANDS, 3));
    int first = max(0, ranges(row, 0));
    int end = is_held ? min(int(PARAMETER(OPERANDS, 4)) * PAGE_ROWS, ranges(row, 1)) : 0;
    float sum = 0.0;
    for (int tap = 0; tap < TAPS; tap++) {
        int position = end - 1 - tap;
        if (position < first) break;
        int place = pages(uint(sequence), uint(position / PAGE_ROWS)) * PAGE_ROWS + position % PAGE_ROWS;
        // A page that the cache does not have holds nothing.
        if (place < 0 || place >= int(PARAMETER(OPERANDS, 5))) continue;
        sum = fma(cache(uint(place), column), weight(column, TAPS - 1 - tap), sum);
    }
    store_y(row, column, sum);
}

#include "common/elementwise.glsl"
