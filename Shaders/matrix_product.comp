#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#include "common/operands.glsl"

// c = scale * op(a) * op(b) + addend. An invocation computes OWN rows by MET columns in registers, a group ROW_LANES by LANES of such tiles.
//
// With SLICE the operands pass through shared memory, SLICE of the inner size at a time; without, every invocation reads what it needs, DEPTH of the inner
// size at a time. Each sum runs over the inner size in ascending order, by fused multiply-adds: every shape of group gives the same bytes.
INPUT(0, a)
INPUT(1, b)
#ifdef HAS_ADDEND
INPUT(2, addend)
OUTPUT(3, c)
#define OPERANDS 4
#else
OUTPUT(2, c)
#define OPERANDS 3
#endif

layout(local_size_x = ROW_LANES * LANES) in;

const uint BLOCK_ROWS = ROW_LANES * OWN;
const uint BLOCK_COLUMNS = LANES * MET;

#ifdef TRANSPOSES_A
#define A_START(row) ELEMENT(0, 0, row)
#define A_STEP ROW_STEP(0)
#else
#define A_START(row) ELEMENT(0, row, 0)
#define A_STEP 1
#endif
#ifdef TRANSPOSES_B
#define B_START(column) ELEMENT(1, column, 0)
#define B_STEP 1
#else
#define B_START(column) ELEMENT(1, 0, column)
#define B_STEP ROW_STEP(1)
#endif

#ifdef SLICE
// Four numbers of padding keep rows in different banks and fours of them together.
shared float staged_a[SLICE][BLOCK_ROWS + 4];
shared float staged_b[SLICE][BLOCK_COLUMNS + 4];
// An invocation's rows and columns lie in fours beside each other.
#define OWN_PLACE(lane, i) (OWN % 4 == 0 ? ((i) / 4 * ROW_LANES + (lane)) * 4 + (i) % 4 : (lane) * OWN + (i))
#define MET_PLACE(lane, j) (MET % 4 == 0 ? ((j) / 4 * LANES + (lane)) * 4 + (j) % 4 : (lane) * MET + (j))
#else
// Lanes lie beside each other.
#define OWN_PLACE(lane, i) ((lane) + (i) * ROW_LANES)
#define MET_PLACE(lane, j) ((lane) + (j) * LANES)
#endif

#if LANES == 1
#define LANE 0
#define ROW_LANE gl_LocalInvocationID.x
#elif ROW_LANES == 1
#define LANE gl_LocalInvocationID.x
#define ROW_LANE 0
#else
#define LANE (gl_LocalInvocationID.x % LANES)
#define ROW_LANE (gl_LocalInvocationID.x / LANES)
#endif

float sum[OWN][MET];

#ifndef SLICE
uint own_start[OWN];
uint met_start[MET];

// Adds the products of `count` places of the inner size, from `first` on.
#define ADD_PRODUCTS(first, count) { \
    float own[count][OWN]; \
    float met[count][MET]; \
    [[unroll]] for (uint d = 0; d < count; d++) { \
        [[unroll]] for (uint i = 0; i < OWN; i++) own[d][i] = a_at(own_start[i] + ((first) + d) * A_STEP); \
        [[unroll]] for (uint j = 0; j < MET; j++) met[d][j] = b_at(met_start[j] + ((first) + d) * B_STEP); \
    } \
    [[unroll]] for (uint d = 0; d < count; d++) { \
        [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = fma(own[d][i], met[d][j], sum[i][j]); } \
    } \
}
#endif

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows, columns, inner size, blocks side by side, scale.
    uint rows = PARAMETER(OPERANDS, 0);
    uint columns = PARAMETER(OPERANDS, 1);
    uint inner = PARAMETER(OPERANDS, 2);
    uint across = PARAMETER(OPERANDS, 3);
    float scale = FLOAT_PARAMETER(OPERANDS, 4);
    uint block_row = group_index() / across;
    uint first_column = (group_index() - block_row * across) * BLOCK_COLUMNS;
    uint first_row = block_row * BLOCK_ROWS;

    [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = 0.0; }

#ifdef SLICE
    for (uint slice = 0; slice < inner; slice += SLICE) {
        barrier();
        for (uint e = gl_LocalInvocationID.x; e < BLOCK_ROWS * SLICE; e += ROW_LANES * LANES) {
#ifdef TRANSPOSES_A
            uint l = e / BLOCK_ROWS;
            uint r = e % BLOCK_ROWS;
#else
            uint l = e % SLICE;
            uint r = e / SLICE;
#endif
            bool is_inside = first_row + r < rows && slice + l < inner;
            staged_a[l][r] = is_inside ? a_at(A_START(first_row + r) + (slice + l) * A_STEP) : 0.0;
        }
        for (uint e = gl_LocalInvocationID.x; e < BLOCK_COLUMNS * SLICE; e += ROW_LANES * LANES) {
#ifdef TRANSPOSES_B
            uint l = e % SLICE;
            uint r = e / SLICE;
#else
            uint l = e / BLOCK_COLUMNS;
            uint r = e % BLOCK_COLUMNS;
#endif
            bool is_inside = first_column + r < columns && slice + l < inner;
            staged_b[l][r] = is_inside ? b_at(B_START(first_column + r) + (slice + l) * B_STEP) : 0.0;
        }
        barrier();
        [[unroll]] for (uint l = 0; l < SLICE; l++) {
            float own[OWN];
            float met[MET];
            [[unroll]] for (uint i = 0; i < OWN; i++) own[i] = staged_a[l][OWN_PLACE(ROW_LANE, i)];
            [[unroll]] for (uint j = 0; j < MET; j++) met[j] = staged_b[l][MET_PLACE(LANE, j)];
            [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = fma(own[i], met[j], sum[i][j]); }
        }
    }
#else
    // Rows and columns beyond the border are computed from the last ones and not stored.
    [[unroll]] for (uint i = 0; i < OWN; i++) own_start[i] = A_START(min(first_row + OWN_PLACE(ROW_LANE, i), rows - 1));
    [[unroll]] for (uint j = 0; j < MET; j++) met_start[j] = B_START(min(first_column + MET_PLACE(LANE, j), columns - 1));
    uint l = 0;
    for (; l + DEPTH <= inner; l += DEPTH) ADD_PRODUCTS(l, DEPTH)
#if DEPTH > 1
    for (; l < inner; l++) ADD_PRODUCTS(l, 1)
#endif
#endif

    [[unroll]] for (uint i = 0; i < OWN; i++) {
        [[unroll]] for (uint j = 0; j < MET; j++) {
            uint row = first_row + OWN_PLACE(ROW_LANE, i);
            uint column = first_column + MET_PLACE(LANE, j);
            if (row < rows && column < columns) {
                float value = scale * sum[i][j];
#ifdef HAS_ADDEND
                value += addend(row, column);
#endif
                store_c(row, column, value);
            }
        }
    }
}
