#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#include "common/operands.glsl"

// c = the sum of TERMS products scale * op(a) * op(b), plus an addend. An invocation computes OWN
// rows by MET columns in registers, a group ROW_LANES by LANES of such tiles. A second and a third
// product are those of adapters and of other layers with the same input: their sum needs no way
// through memory.
//
// With SLICE the operands pass through shared memory, SLICE of the inner size at a time; without,
// every invocation reads what it needs, DEPTH of the inner size at a time. Each sum runs over the
// inner size in ascending order, by fused multiply-adds: every shape of group gives the same bytes.
INPUT(0, a)
INPUT(1, b)
#if TERMS > 1
INPUT(2, a_2)
INPUT(3, b_2)
#endif
#if TERMS > 2
INPUT(4, a_3)
INPUT(5, b_3)
#endif
#ifdef HAS_ADDEND
#if TERMS == 1
INPUT(2, addend)
OUTPUT(3, c)
#elif TERMS == 2
INPUT(4, addend)
OUTPUT(5, c)
#else
INPUT(6, addend)
OUTPUT(7, c)
#endif
#define OPERANDS (2 * TERMS + 2)
#else
#if TERMS == 1
OUTPUT(2, c)
#elif TERMS == 2
OUTPUT(4, c)
#else
OUTPUT(6, c)
#endif
#define OPERANDS (2 * TERMS + 1)
#endif

layout(local_size_x = ROW_LANES * LANES) in;

const uint BLOCK_ROWS = ROW_LANES * OWN;
const uint BLOCK_COLUMNS = LANES * MET;

// Where row `row` of op(a) begins in operand `slot`, how far apart its numbers are, and which of
// them the staged number `e` is.
#ifdef TRANSPOSES_A
#define A_START(slot, row) ELEMENT(slot, 0, row)
#define A_STEP(slot) ROW_STEP(slot)
#define A_INNER(e) ((e) / BLOCK_ROWS)
#define A_ROW(e) ((e) % BLOCK_ROWS)
#else
#define A_START(slot, row) ELEMENT(slot, row, 0)
#define A_STEP(slot) 1
#define A_INNER(e) ((e) % SLICE)
#define A_ROW(e) ((e) / SLICE)
#endif
#ifdef TRANSPOSES_B
#define B_START(slot, column) ELEMENT(slot, column, 0)
#define B_STEP(slot) 1
#define B_INNER(e) ((e) % SLICE)
#define B_COLUMN(e) ((e) / SLICE)
#else
#define B_START(slot, column) ELEMENT(slot, 0, column)
#define B_STEP(slot) ROW_STEP(slot)
#define B_INNER(e) ((e) / BLOCK_COLUMNS)
#define B_COLUMN(e) ((e) % BLOCK_COLUMNS)
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

#ifdef SLICE
#define ADD_TERM(slot, read_a, read_b, inner) \
    for (uint slice = 0; slice < inner; slice += SLICE) { \
        barrier(); \
        for (uint e = gl_LocalInvocationID.x; e < BLOCK_ROWS * SLICE; e += ROW_LANES * LANES) { \
            bool is_inside = first_row + A_ROW(e) < rows && slice + A_INNER(e) < inner; \
            staged_a[A_INNER(e)][A_ROW(e)] = is_inside ? read_a(A_START(slot, first_row + A_ROW(e)) + (slice + A_INNER(e)) * A_STEP(slot)) : 0.0; \
        } \
        for (uint e = gl_LocalInvocationID.x; e < BLOCK_COLUMNS * SLICE; e += ROW_LANES * LANES) { \
            bool is_inside = first_column + B_COLUMN(e) < columns && slice + B_INNER(e) < inner; \
            staged_b[B_INNER(e)][B_COLUMN(e)] = \
                is_inside ? read_b(B_START(slot + 1, first_column + B_COLUMN(e)) + (slice + B_INNER(e)) * B_STEP(slot + 1)) : 0.0; \
        } \
        barrier(); \
        [[unroll]] for (uint l = 0; l < SLICE; l++) { \
            float own[OWN]; \
            float met[MET]; \
            [[unroll]] for (uint i = 0; i < OWN; i++) own[i] = staged_a[l][OWN_PLACE(ROW_LANE, i)]; \
            [[unroll]] for (uint j = 0; j < MET; j++) met[j] = staged_b[l][MET_PLACE(LANE, j)]; \
            [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = fma(own[i], met[j], sum[i][j]); } \
        } \
    }
#else
uint own_start[OWN];
uint met_start[MET];

// Adds the products of `count` places of the inner size, from `first` on.
#define ADD_PRODUCTS(slot, read_a, read_b, first, count) { \
    float own[count][OWN]; \
    float met[count][MET]; \
    [[unroll]] for (uint d = 0; d < count; d++) { \
        [[unroll]] for (uint i = 0; i < OWN; i++) own[d][i] = read_a(own_start[i] + ((first) + d) * A_STEP(slot)); \
        [[unroll]] for (uint j = 0; j < MET; j++) met[d][j] = read_b(met_start[j] + ((first) + d) * B_STEP(slot + 1)); \
    } \
    [[unroll]] for (uint d = 0; d < count; d++) { \
        [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = fma(own[d][i], met[d][j], sum[i][j]); } \
    } \
}

#if DEPTH > 1
#define ADD_REST(slot, read_a, read_b, inner) for (; l < inner; l++) ADD_PRODUCTS(slot, read_a, read_b, l, 1)
#else
#define ADD_REST(slot, read_a, read_b, inner)
#endif

// Rows and columns beyond the border are computed from the last ones and not stored.
#define ADD_TERM(slot, read_a, read_b, inner) { \
    [[unroll]] for (uint i = 0; i < OWN; i++) own_start[i] = A_START(slot, min(first_row + OWN_PLACE(ROW_LANE, i), rows - 1)); \
    [[unroll]] for (uint j = 0; j < MET; j++) met_start[j] = B_START(slot + 1, min(first_column + MET_PLACE(LANE, j), columns - 1)); \
    uint l = 0; \
    for (; l + DEPTH <= inner; l += DEPTH) ADD_PRODUCTS(slot, read_a, read_b, l, DEPTH) \
    ADD_REST(slot, read_a, read_b, inner) \
}
#endif

// What the sum so far counts in units of the next product's scale.
#define SCALE_SUM(factor) { \
    float ratio = factor; \
    [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] *= ratio; } \
}

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows, columns, inner size, blocks side by side, scale of the last product; for
    // each further product its inner size and the scale of the one before by its own.
    uint rows = PARAMETER(OPERANDS, 0);
    uint columns = PARAMETER(OPERANDS, 1);
    uint inner = PARAMETER(OPERANDS, 2);
    uint across = PARAMETER(OPERANDS, 3);
    float scale = FLOAT_PARAMETER(OPERANDS, 4);
    uint block_row = group_index() / across;
    uint first_column = (group_index() - block_row * across) * BLOCK_COLUMNS;
    uint first_row = block_row * BLOCK_ROWS;

    [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = 0.0; }

    ADD_TERM(0, a_at, b_at, inner)
#if TERMS > 1
    SCALE_SUM(FLOAT_PARAMETER(OPERANDS, 6))
    uint inner_2 = PARAMETER(OPERANDS, 5);
    ADD_TERM(2, a_2_at, b_2_at, inner_2)
#endif
#if TERMS > 2
    SCALE_SUM(FLOAT_PARAMETER(OPERANDS, 8))
    uint inner_3 = PARAMETER(OPERANDS, 7);
    ADD_TERM(4, a_3_at, b_3_at, inner_3)
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
