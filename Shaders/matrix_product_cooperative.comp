#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#include "common/operands.glsl"

// c = scale * op(a) * op(b) + addend with the device's matrix units: float16 operands, float32
// sums.
//
// A group has ROW_LANES by LANES subgroups of SUBGROUP invocations; each computes OWN by MET tiles
// of MATRIX_ROWS by MATRIX_COLUMNS. Operands pass through shared memory, SLICE of the inner size at
// a time, with zeros beyond the borders; tiles of results as well, so that any size, stride and
// offset will do.
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

layout(local_size_x = ROW_LANES * LANES * SUBGROUP) in;

const uint INVOCATIONS = ROW_LANES * LANES * SUBGROUP;
const uint BLOCK_ROWS = ROW_LANES * OWN * MATRIX_ROWS;
const uint BLOCK_COLUMNS = LANES * MET * MATRIX_COLUMNS;
// Eight numbers of padding keep rows at 16 bytes and in different banks.
const uint A_STRIDE = SLICE + 8;
const uint B_STRIDE = BLOCK_COLUMNS + 8;
const uint TILE = MATRIX_ROWS * MATRIX_COLUMNS;

shared float16_t staged_a[BLOCK_ROWS * A_STRIDE];
shared float16_t staged_b[SLICE * B_STRIDE];
shared float staged_c[ROW_LANES * LANES * TILE];

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

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: rows, columns, inner size, blocks side by side, scale.
    uint rows = PARAMETER(OPERANDS, 0);
    uint columns = PARAMETER(OPERANDS, 1);
    uint inner = PARAMETER(OPERANDS, 2);
    uint across = PARAMETER(OPERANDS, 3);
    float scale = FLOAT_PARAMETER(OPERANDS, 4);
    uint block_row = group_index() / across;
    uint first_row = block_row * BLOCK_ROWS;
    uint first_column = (group_index() - block_row * across) * BLOCK_COLUMNS;
    uint tile_row = gl_SubgroupID / LANES * OWN * MATRIX_ROWS;
    uint tile_column = gl_SubgroupID % LANES * MET * MATRIX_COLUMNS;

    coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator> sum[OWN][MET];
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        [[unroll]] for (uint j = 0; j < MET; j++) {
            sum[i][j] = coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator>(0.0);
        }
    }

    for (uint slice = 0; slice < inner; slice += SLICE) {
        barrier();
        for (uint e = gl_LocalInvocationID.x; e < BLOCK_ROWS * SLICE; e += INVOCATIONS) {
#ifdef TRANSPOSES_A
            uint l = e / BLOCK_ROWS;
            uint r = e % BLOCK_ROWS;
#else
            uint l = e % SLICE;
            uint r = e / SLICE;
#endif
            bool is_inside = first_row + r < rows && slice + l < inner;
            staged_a[r * A_STRIDE + l] = is_inside ? float16_t(A(first_row + r, slice + l)) : float16_t(0.0);
        }
        for (uint e = gl_LocalInvocationID.x; e < BLOCK_COLUMNS * SLICE; e += INVOCATIONS) {
#ifdef TRANSPOSES_B
            uint l = e % SLICE;
            uint r = e / SLICE;
#else
            uint l = e / BLOCK_COLUMNS;
            uint r = e % BLOCK_COLUMNS;
#endif
            bool is_inside = first_column + r < columns && slice + l < inner;
            staged_b[l * B_STRIDE + r] = is_inside ? float16_t(B(slice + l, first_column + r)) : float16_t(0.0);
        }
        barrier();
        [[unroll]] for (uint l = 0; l < SLICE; l += MATRIX_INNER) {
            coopmat<float16_t, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_INNER, gl_MatrixUseA> own[OWN];
            [[unroll]] for (uint i = 0; i < OWN; i++) {
                coopMatLoad(own[i], staged_a, (tile_row + i * MATRIX_ROWS) * A_STRIDE + l, A_STRIDE, gl_CooperativeMatrixLayoutRowMajor);
            }
            [[unroll]] for (uint j = 0; j < MET; j++) {
                coopmat<float16_t, gl_ScopeSubgroup, MATRIX_INNER, MATRIX_COLUMNS, gl_MatrixUseB> met;
                coopMatLoad(met, staged_b, l * B_STRIDE + tile_column + j * MATRIX_COLUMNS, B_STRIDE, gl_CooperativeMatrixLayoutRowMajor);
                [[unroll]] for (uint i = 0; i < OWN; i++) sum[i][j] = coopMatMulAdd(own[i], met, sum[i][j]);
            }
        }
    }

    [[unroll]] for (uint i = 0; i < OWN; i++) {
        [[unroll]] for (uint j = 0; j < MET; j++) {
            barrier();
            coopMatStore(sum[i][j], staged_c, gl_SubgroupID * TILE, MATRIX_COLUMNS, gl_CooperativeMatrixLayoutRowMajor);
            barrier();
            for (uint e = gl_SubgroupInvocationID; e < TILE; e += SUBGROUP) {
                uint row = first_row + tile_row + i * MATRIX_ROWS + e / MATRIX_COLUMNS;
                uint column = first_column + tile_column + j * MATRIX_COLUMNS + e % MATRIX_COLUMNS;
                if (row < rows && column < columns) {
                    float value = scale * staged_c[gl_SubgroupID * TILE + e];
#ifdef HAS_ADDEND
                    value += addend(row, column);
#endif
                    store_c(row, column, value);
                }
            }
        }
    }
}
