#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#include "common/operands.glsl"

// c = scale * x * op(W(g)) + addend for the rows of some groups: an invocation computes OWN rows by
// MET columns, a group of them a tile of ROW_LANES * OWN rows by LANES * MET columns. A tile has
// rows of one group; which, follows from the offsets, and tiles that are not needed find none.
//
// With SLICE the operands pass through shared memory, without it every invocation reads what it
// needs. Each sum runs over the inner size in ascending order by fused multiply-adds, so both give
// the same bytes, and no row's depend on other rows. FORMAT is that of quantized_product.comp; of
// numbers there is none. A number of few bits is rounded to the type of x.
INPUT(0, x)
INPUT_INT(1, offsets)
#ifndef FORMAT
INPUT(2, w)
#ifdef HAS_ADDEND
INPUT(3, addend)
OUTPUT(4, c)
#define OPERANDS 5
#else
OUTPUT(3, c)
#define OPERANDS 4
#endif
#elif FORMAT == 2
INPUT_INT(2, blocks)
#ifdef HAS_ADDEND
INPUT(3, addend)
OUTPUT(4, c)
#define OPERANDS 5
#else
OUTPUT(3, c)
#define OPERANDS 4
#endif
#elif FORMAT == 0
INPUT_INT(2, scales)
INPUT_INT(3, codes)
#ifdef HAS_ADDEND
INPUT(4, addend)
OUTPUT(5, c)
#define OPERANDS 6
#else
OUTPUT(4, c)
#define OPERANDS 5
#endif
#else
INPUT_INT(2, scales)
INPUT_INT(3, codes)
INPUT_INT(4, groups)
INPUT_INT(5, tables)
#ifdef HAS_ADDEND
INPUT(6, addend)
OUTPUT(7, c)
#define OPERANDS 8
#else
OUTPUT(6, c)
#define OPERANDS 7
#endif
#endif

// Parameters: columns of c, inner size, tiles side by side, first group, groups, rows, scale, rows
// and columns of one weight; of scales, codes and groups of codes the first word that is bound.
#ifdef FORMAT
#if FORMAT == 2
#define BLOCK_WORD(index) uint(blocks_memory.elements[index])
#include "common/blocks.glsl"
#else
#define FIRST_SCALE PARAMETER(OPERANDS, 9)
#define FIRST_CODE PARAMETER(OPERANDS, 10)
#define FIRST_GROUP PARAMETER(OPERANDS, 11)
#include "common/quantized.glsl"
#endif
#endif

layout(local_size_x = ROW_LANES * LANES) in;

const uint BLOCK_ROWS = ROW_LANES * OWN;
const uint BLOCK_COLUMNS = LANES * MET;

#ifdef SLICE
// Four numbers of padding keep rows in different banks.
shared float staged_x[SLICE][BLOCK_ROWS + 4];
shared float staged_w[SLICE][BLOCK_COLUMNS + 4];
#endif

// A number of W as the type of x holds it.
float stored(float value) {
#if OPERAND_TYPE_0 == BFLOAT16
    return float_from_bfloat16(bfloat16_from_float(value));
#elif OPERAND_TYPE_0 == FLOAT16
    return float_from_half(half_from_float(value));
#else
    return value;
#endif
}

// The number of a group's weight; groups are counted from the first that is bound, `first` from the
// first of all.
float weight_number(uint group, uint first, uint row, uint column) {
    uint rows = PARAMETER(OPERANDS, 7);
#ifndef FORMAT
    return w(group * rows + row, column);
#elif FORMAT == 2
    return stored(block_number_at(ELEMENT(2, group * rows + row, 0), column));
#else
    return stored(number_at(((first + group) * rows + row) * PARAMETER(OPERANDS, 8) + column));
#endif
}

#ifdef TRANSPOSES_W
#define WEIGHT(inner, column) weight_number(group, first_group, column, inner)
#else
#define WEIGHT(inner, column) weight_number(group, first_group, inner, column)
#endif

void main() {
    if (group_index() >= group_count()) return;
    uint columns = PARAMETER(OPERANDS, 0);
    uint inner = PARAMETER(OPERANDS, 1);
    uint across = PARAMETER(OPERANDS, 2);
    uint first_group = PARAMETER(OPERANDS, 3);
    uint group_limit = PARAMETER(OPERANDS, 4);
    int row_limit = int(PARAMETER(OPERANDS, 5));
    float scale = FLOAT_PARAMETER(OPERANDS, 6);
    uint tile = group_index() / across;
    uint first_column = (group_index() - tile * across) * BLOCK_COLUMNS;
    // The group of this tile, and its rows.
    uint group = 0u;
    uint first_row = 0u;
    uint end_row = 0u;
    bool is_found = false;
    uint before = 0u;
    for (uint g = 0u; g < group_limit; g++) {
        uint start = uint(clamp(offsets(first_group + g, 0), 0, row_limit));
        uint end = max(start, uint(clamp(offsets(first_group + g + 1u, 0), 0, row_limit)));
        uint tiles = (end - start + BLOCK_ROWS - 1u) / BLOCK_ROWS;
        if (tile < before + tiles) {
            group = g;
            first_row = start + (tile - before) * BLOCK_ROWS;
            end_row = end;
            is_found = true;
            break;
        }
        before += tiles;
    }
    if (!is_found) return;

    uint lane = gl_LocalInvocationID.x % LANES;
    uint row_lane = gl_LocalInvocationID.x / LANES;
    float sum[OWN][MET];
    [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = 0.0; }

#ifdef SLICE
    for (uint slice = 0u; slice < inner; slice += SLICE) {
        barrier();
        for (uint e = gl_LocalInvocationID.x; e < BLOCK_ROWS * SLICE; e += ROW_LANES * LANES) {
            uint l = e % SLICE;
            uint row = first_row + e / SLICE;
            staged_x[l][e / SLICE] = row < end_row && slice + l < inner ? x(row, slice + l) : 0.0;
        }
        for (uint e = gl_LocalInvocationID.x; e < BLOCK_COLUMNS * SLICE; e += ROW_LANES * LANES) {
#ifdef TRANSPOSES_W
            uint l = e % SLICE;
            uint own = e / SLICE;
#else
            uint l = e / BLOCK_COLUMNS;
            uint own = e % BLOCK_COLUMNS;
#endif
            uint column = first_column + own;
            staged_w[l][own] = column < columns && slice + l < inner ? WEIGHT(slice + l, column) : 0.0;
        }
        barrier();
        [[unroll]] for (uint l = 0; l < SLICE; l++) {
            float own[OWN];
            float met[MET];
            [[unroll]] for (uint i = 0; i < OWN; i++) own[i] = staged_x[l][row_lane + i * ROW_LANES];
            [[unroll]] for (uint j = 0; j < MET; j++) met[j] = staged_w[l][lane + j * LANES];
            [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = fma(own[i], met[j], sum[i][j]); }
        }
    }
#else
    // Rows and columns beyond the border are computed from the last ones and not stored.
    for (uint l = 0u; l < inner; l++) {
        float own[OWN];
        float met[MET];
        [[unroll]] for (uint i = 0; i < OWN; i++) own[i] = x(min(first_row + row_lane + i * ROW_LANES, end_row - 1u), l);
        [[unroll]] for (uint j = 0; j < MET; j++) met[j] = WEIGHT(l, min(first_column + lane + j * LANES, columns - 1u));
        [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) sum[i][j] = fma(own[i], met[j], sum[i][j]); }
    }
#endif

    [[unroll]] for (uint i = 0; i < OWN; i++) {
        [[unroll]] for (uint j = 0; j < MET; j++) {
            uint row = first_row + row_lane + i * ROW_LANES;
            uint column = first_column + lane + j * LANES;
            if (row < end_row && column < columns) {
                float value = scale * sum[i][j];
#ifdef HAS_ADDEND
                value += addend(row, column);
#endif
                store_c(row, column, value);
            }
        }
    }
}
