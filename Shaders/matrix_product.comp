#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#include "common/operands.glsl"

// c = scale * op(a) * op(b) + addend. An invocation computes OWN rows by MET columns in registers, a group ROW_LANES by LANES of such tiles.
//
// With STAGED the operands pass through shared memory, SLICE of the inner size at a time; without, every invocation reads what it needs: better where shared
// memory is no faster than any other. Each sum runs over the inner size in ascending order.
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
#define A(row, inner) a(inner, row)
#else
#define A(row, inner) a(row, inner)
#endif
#ifdef TRANSPOSES_B
#define B(inner, column) b(column, inner)
#else
#define B(inner, column) b(inner, column)
#endif

#ifdef STAGED
shared float staged_a[SLICE][BLOCK_ROWS + 1];
shared float staged_b[SLICE][BLOCK_COLUMNS + 1];
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
    uint block_column = group_index() - block_row * across;
    uint row_lane = gl_LocalInvocationID.x / LANES;
    uint lane = gl_LocalInvocationID.x % LANES;
    uint first_row = block_row * BLOCK_ROWS + row_lane * OWN;
    uint first_column = block_column * BLOCK_COLUMNS + lane * MET;

    float sum[OWN][MET];
    [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = 0.0; }

#ifdef STAGED
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
            uint row = block_row * BLOCK_ROWS + r;
            staged_a[l][r] = row < rows && slice + l < inner ? A(row, slice + l) : 0.0;
        }
        for (uint e = gl_LocalInvocationID.x; e < BLOCK_COLUMNS * SLICE; e += ROW_LANES * LANES) {
#ifdef TRANSPOSES_B
            uint l = e % SLICE;
            uint r = e / SLICE;
#else
            uint l = e / BLOCK_COLUMNS;
            uint r = e % BLOCK_COLUMNS;
#endif
            uint column = block_column * BLOCK_COLUMNS + r;
            staged_b[l][r] = column < columns && slice + l < inner ? B(slice + l, column) : 0.0;
        }
        barrier();
        [[unroll]] for (uint l = 0; l < SLICE; l++) {
            float own[OWN];
            float met[MET];
            [[unroll]] for (uint i = 0; i < OWN; i++) own[i] = staged_a[l][row_lane * OWN + i];
            [[unroll]] for (uint j = 0; j < MET; j++) met[j] = staged_b[l][lane * MET + j];
            [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] += own[i] * met[j]; }
        }
    }
#else
    // Rows and columns beyond the border are computed from the last ones and not stored.
    for (uint l = 0; l < inner; l++) {
        float own[OWN];
        float met[MET];
        [[unroll]] for (uint i = 0; i < OWN; i++) own[i] = A(min(first_row + i, rows - 1), l);
        [[unroll]] for (uint j = 0; j < MET; j++) met[j] = B(l, min(first_column + j, columns - 1));
        [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] += own[i] * met[j]; }
    }
#endif

    [[unroll]] for (uint i = 0; i < OWN; i++) {
        [[unroll]] for (uint j = 0; j < MET; j++) {
            uint row = first_row + i;
            uint column = first_column + j;
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
