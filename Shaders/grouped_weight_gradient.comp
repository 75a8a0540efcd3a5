#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#include "common/operands.glsl"

// dW(g) = scale * the sum over the rows of group g of dyᵀ x, plus an addend: an invocation computes
// OWN rows by MET columns of one group's gradient. Each sum runs over the rows in ascending order.
// Parameters: columns of dy and of x, tiles one below the other and side by side, rows, scale.
INPUT(0, dy)
INPUT(1, x)
INPUT_INT(2, offsets)
#ifdef HAS_ADDEND
INPUT(3, addend)
OUTPUT(4, c)
#define OPERANDS 5
#else
OUTPUT(3, c)
#define OPERANDS 4
#endif

layout(local_size_x = ROW_LANES * LANES) in;

const uint BLOCK_ROWS = ROW_LANES * OWN;
const uint BLOCK_COLUMNS = LANES * MET;

#ifdef SLICE
shared float staged_dy[SLICE][BLOCK_ROWS + 4];
shared float staged_x[SLICE][BLOCK_COLUMNS + 4];
#endif

void main() {
    if (group_index() >= group_count()) return;
    uint rows = PARAMETER(OPERANDS, 0);
    uint columns = PARAMETER(OPERANDS, 1);
    uint down = PARAMETER(OPERANDS, 2);
    uint across = PARAMETER(OPERANDS, 3);
    int limit = int(PARAMETER(OPERANDS, 4));
    float scale = FLOAT_PARAMETER(OPERANDS, 5);
    uint group = group_index() / (down * across);
    uint tile = group_index() - group * down * across;
    uint first_row = tile / across * BLOCK_ROWS;
    uint first_column = tile % across * BLOCK_COLUMNS;
    uint start = uint(clamp(offsets(group, 0), 0, limit));
    uint end = max(start, uint(clamp(offsets(group + 1u, 0), 0, limit)));

    uint lane = gl_LocalInvocationID.x % LANES;
    uint row_lane = gl_LocalInvocationID.x / LANES;
    float sum[OWN][MET];
    [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = 0.0; }

#ifdef SLICE
    for (uint slice = start; slice < end; slice += SLICE) {
        barrier();
        for (uint e = gl_LocalInvocationID.x; e < BLOCK_ROWS * SLICE; e += ROW_LANES * LANES) {
            uint l = e / BLOCK_ROWS;
            uint row = first_row + e % BLOCK_ROWS;
            staged_dy[l][e % BLOCK_ROWS] = slice + l < end && row < rows ? dy(slice + l, row) : 0.0;
        }
        for (uint e = gl_LocalInvocationID.x; e < BLOCK_COLUMNS * SLICE; e += ROW_LANES * LANES) {
            uint l = e / BLOCK_COLUMNS;
            uint column = first_column + e % BLOCK_COLUMNS;
            staged_x[l][e % BLOCK_COLUMNS] = slice + l < end && column < columns ? x(slice + l, column) : 0.0;
        }
        barrier();
        [[unroll]] for (uint l = 0; l < SLICE; l++) {
            float own[OWN];
            float met[MET];
            [[unroll]] for (uint i = 0; i < OWN; i++) own[i] = staged_dy[l][row_lane + i * ROW_LANES];
            [[unroll]] for (uint j = 0; j < MET; j++) met[j] = staged_x[l][lane + j * LANES];
            [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = fma(own[i], met[j], sum[i][j]); }
        }
    }
#else
    for (uint l = start; l < end; l++) {
        float own[OWN];
        float met[MET];
        [[unroll]] for (uint i = 0; i < OWN; i++) own[i] = dy(l, min(first_row + row_lane + i * ROW_LANES, rows - 1u));
        [[unroll]] for (uint j = 0; j < MET; j++) met[j] = x(l, min(first_column + lane + j * LANES, columns - 1u));
        [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = fma(own[i], met[j], sum[i][j]); }
    }
#endif

    [[unroll]] for (uint i = 0; i < OWN; i++) {
        [[unroll]] for (uint j = 0; j < MET; j++) {
            uint row = first_row + row_lane + i * ROW_LANES;
            uint column = first_column + lane + j * LANES;
            if (row < rows && column < columns) {
                float value = scale * sum[i][j];
                uint place = group * rows + row;
#ifdef HAS_ADDEND
                value += addend(place, column);
#endif
                store_c(place, column, value);
            }
        }
    }
}
