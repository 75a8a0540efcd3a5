#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#include "common/operands.glsl"
#include "common/functions.glsl"

// Gradients of attention, recomputing the weights block by block. Two dispatches: FOR_QUERIES gives
// dq of a block of queries, walking over keys; without it a block of keys walks over the queries
// that see it, of every query head of its group in turn, and gives dk and dv.
INPUT(0, q)
INPUT(1, k)
INPUT(2, v)
INPUT(3, d_result)
INPUT(4, log_sum_exp)
INPUT(5, delta)
INPUT_INT(6, key_ranges)
#ifdef FOR_QUERIES
OUTPUT(7, dq)
#define OPERANDS 8
#else
INPUT_INT(7, query_ranges)
OUTPUT(8, dk)
OUTPUT(9, dv)
#define OPERANDS 10
#endif
#include "common/attention.glsl"

#if LANES > 1
// The operands of both products of a block: q and k, d_result and v.
shared float staged_own[2][OWN_BLOCK][SLICE + 1];
shared float staged_met[2][MET_BLOCK][SLICE + 1];
shared float shared_slopes[OWN_BLOCK][MET_BLOCK + 1];
#ifndef FOR_QUERIES
shared float shared_weights[OWN_BLOCK][MET_BLOCK + 1];
#endif
#endif

#ifdef FOR_QUERIES
#define OWN_FIRST(row, column) q(row, q_column + (column))
#define OWN_SECOND(row, column) d_result(row, q_column + (column))
#define MET_FIRST(row, column) k(row, k_column + (column))
#define MET_SECOND(row, column) v(row, k_column + (column))
#else
#define OWN_FIRST(row, column) k(row, k_column + (column))
#define OWN_SECOND(row, column) v(row, k_column + (column))
#define MET_FIRST(row, column) q(row, q_column + (column))
#define MET_SECOND(row, column) d_result(row, q_column + (column))
#endif

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: queries, keys, blocks of own rows, scale, cap.
    uint query_count = PARAMETER(OPERANDS, 0);
    uint key_count = PARAMETER(OPERANDS, 1);
    uint block_count = PARAMETER(OPERANDS, 2);
    float scale = FLOAT_PARAMETER(OPERANDS, 3);
    float cap = FLOAT_PARAMETER(OPERANDS, 4);
    uint group_head = group_index() / block_count;
    uint block_start = (group_index() - group_head * block_count) * OWN_BLOCK;
    uint own_start = block_start + row_lane() * OWN;
#ifdef FOR_QUERIES
    uint own_count = query_count;
    uint met_count = key_count;
    uint head = group_head;
    uint q_column = head * HEAD_WIDTH;
    uint k_column = head / GROUP_RATIO * HEAD_WIDTH;
#else
    uint own_count = key_count;
    uint met_count = query_count;
    uint k_column = group_head * HEAD_WIDTH;
#endif

    ivec2 walk = ivec2(0x7FFFFFFF, 0);
    ivec2 seen[OWN];
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        seen[i] = ivec2(0);
#ifdef FOR_QUERIES
        if (own_start + i < own_count) seen[i] = ivec2(key_ranges(own_start + i, 0), key_ranges(own_start + i, 1));
#else
        if (own_start + i < own_count) seen[i] = ivec2(query_ranges(own_start + i, 0), query_ranges(own_start + i, 1));
#endif
        if (seen[i].x < seen[i].y) walk = ivec2(min(walk.x, seen[i].x), max(walk.y, seen[i].y));
    }
    walk = common_range(walk);

    // dq, or dk and dv.
    float first_sum[OWN][SHARE];
#ifndef FOR_QUERIES
    float second_sum[OWN][SHARE];
#endif
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        [[unroll]] for (uint c = 0; c < SHARE; c++) {
            first_sum[i][c] = 0.0;
#ifndef FOR_QUERIES
            second_sum[i][c] = 0.0;
#endif
        }
    }

#ifndef FOR_QUERIES
    for (uint member = 0; member < GROUP_RATIO; member++) {
        uint head = group_head * GROUP_RATIO + member;
        uint q_column = head * HEAD_WIDTH;
#endif
#if LANES == 1
    float own_first[OWN][HEAD_WIDTH];
    float own_second[OWN][HEAD_WIDTH];
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        uint row = min(own_start + i, own_count - 1);
        [[unroll]] for (uint c = 0; c < HEAD_WIDTH; c++) {
            own_first[i][c] = OWN_FIRST(row, c);
            own_second[i][c] = OWN_SECOND(row, c);
        }
    }
#endif
#ifdef FOR_QUERIES
    float own_log_sum_exp[OWN];
    float own_delta[OWN];
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        uint row = min(own_start + i, own_count - 1);
        own_log_sum_exp[i] = log_sum_exp(row, head);
        own_delta[i] = delta(row, head);
    }
#endif
    for (int met_start = walk.x; met_start < walk.y; met_start += int(MET_BLOCK)) {
        float weights[OWN][MET];
        float slopes[OWN][MET];
        [[unroll]] for (uint i = 0; i < OWN; i++) {
            [[unroll]] for (uint j = 0; j < MET; j++) {
                weights[i][j] = 0.0;
                slopes[i][j] = 0.0;
            }
        }
#if LANES == 1
        float met_first[MET][HEAD_WIDTH];
        float met_second[MET][HEAD_WIDTH];
        [[unroll]] for (uint c = 0; c < HEAD_WIDTH; c++) {
            [[unroll]] for (uint j = 0; j < MET; j++) {
                uint row = min(uint(met_start) + j, met_count - 1);
                met_first[j][c] = MET_FIRST(row, c);
                met_second[j][c] = MET_SECOND(row, c);
                [[unroll]] for (uint i = 0; i < OWN; i++) {
                    weights[i][j] += own_first[i][c] * met_first[j][c];
                    slopes[i][j] += own_second[i][c] * met_second[j][c];
                }
            }
        }
#else
        for (uint slice = 0; slice < HEAD_WIDTH; slice += SLICE) {
            barrier();
            for (uint e = gl_LocalInvocationID.x; e < OWN_BLOCK * SLICE; e += ROW_LANES * LANES) {
                uint row = block_start + e / SLICE;
                uint c = slice + e % SLICE;
                bool is_inside = row < own_count && c < HEAD_WIDTH;
                staged_own[0][e / SLICE][e % SLICE] = is_inside ? OWN_FIRST(row, c) : 0.0;
                staged_own[1][e / SLICE][e % SLICE] = is_inside ? OWN_SECOND(row, c) : 0.0;
            }
            for (uint e = gl_LocalInvocationID.x; e < MET_BLOCK * SLICE; e += ROW_LANES * LANES) {
                uint row = uint(met_start) + e / SLICE;
                uint c = slice + e % SLICE;
                bool is_inside = row < met_count && c < HEAD_WIDTH;
                staged_met[0][e / SLICE][e % SLICE] = is_inside ? MET_FIRST(row, c) : 0.0;
                staged_met[1][e / SLICE][e % SLICE] = is_inside ? MET_SECOND(row, c) : 0.0;
            }
            barrier();
            [[unroll]] for (uint c = 0; c < SLICE; c++) {
                [[unroll]] for (uint j = 0; j < MET; j++) {
                    float first = staged_met[0][lane() + j * LANES][c];
                    float second = staged_met[1][lane() + j * LANES][c];
                    [[unroll]] for (uint i = 0; i < OWN; i++) {
                        weights[i][j] += staged_own[0][row_lane() * OWN + i][c] * first;
                        slopes[i][j] += staged_own[1][row_lane() * OWN + i][c] * second;
                    }
                }
            }
        }
#endif
        [[unroll]] for (uint j = 0; j < MET; j++) {
            uint met = uint(met_start) + lane() + j * LANES;
#ifndef FOR_QUERIES
            uint met_row = min(met, met_count - 1);
            ivec2 sees = ivec2(key_ranges(met_row, 0), key_ranges(met_row, 1));
            float met_log_sum_exp = log_sum_exp(met_row, head);
            float met_delta = delta(met_row, head);
#endif
            [[unroll]] for (uint i = 0; i < OWN; i++) {
#ifdef FOR_QUERIES
                bool is_seen = int(met) >= seen[i].x && int(met) < seen[i].y;
                float row_log_sum_exp = own_log_sum_exp[i];
                float row_delta = own_delta[i];
#else
                int key = int(own_start + i);
                bool is_seen = met < met_count && key >= sees.x && key < sees.y && own_start + i < own_count;
                float row_log_sum_exp = met_log_sum_exp;
                float row_delta = met_delta;
#endif
                vec2 score = capped_score(weights[i][j], scale, cap);
                weights[i][j] = is_seen ? exp(score.x - row_log_sum_exp) : 0.0;
                slopes[i][j] = is_seen ? weights[i][j] * (slopes[i][j] - row_delta) * score.y : 0.0;
            }
        }
#if LANES == 1
        [[unroll]] for (uint c = 0; c < HEAD_WIDTH; c++) {
            [[unroll]] for (uint j = 0; j < MET; j++) {
                [[unroll]] for (uint i = 0; i < OWN; i++) {
                    first_sum[i][c] += slopes[i][j] * met_first[j][c];
#ifndef FOR_QUERIES
                    second_sum[i][c] += weights[i][j] * met_second[j][c];
#endif
                }
            }
        }
#else
        [[unroll]] for (uint i = 0; i < OWN; i++) {
            [[unroll]] for (uint j = 0; j < MET; j++) {
                shared_slopes[row_lane() * OWN + i][lane() + j * LANES] = slopes[i][j];
#ifndef FOR_QUERIES
                shared_weights[row_lane() * OWN + i][lane() + j * LANES] = weights[i][j];
#endif
            }
        }
        barrier();
        uint block_met = min(MET_BLOCK, uint(walk.y - met_start));
        for (uint met = 0; met < block_met; met++) {
            uint row = uint(met_start) + met;
            float own_slopes[OWN];
            [[unroll]] for (uint i = 0; i < OWN; i++) own_slopes[i] = shared_slopes[row_lane() * OWN + i][met];
#ifndef FOR_QUERIES
            float own_weights[OWN];
            [[unroll]] for (uint i = 0; i < OWN; i++) own_weights[i] = shared_weights[row_lane() * OWN + i][met];
#endif
            [[unroll]] for (uint c = 0; c < SHARE; c++) {
                uint column = lane() + c * LANES;
                float first = column < HEAD_WIDTH ? MET_FIRST(row, column) : 0.0;
                [[unroll]] for (uint i = 0; i < OWN; i++) first_sum[i][c] += own_slopes[i] * first;
#ifndef FOR_QUERIES
                float second = column < HEAD_WIDTH ? MET_SECOND(row, column) : 0.0;
                [[unroll]] for (uint i = 0; i < OWN; i++) second_sum[i][c] += own_weights[i] * second;
#endif
            }
        }
#endif
    }
#ifndef FOR_QUERIES
    }
#endif

    [[unroll]] for (uint i = 0; i < OWN; i++) {
        uint row = own_start + i;
        if (row < own_count) {
            [[unroll]] for (uint c = 0; c < SHARE; c++) {
                uint column = lane() + c * LANES;
                if (column < HEAD_WIDTH) {
#ifdef FOR_QUERIES
                    store_dq(row, q_column + column, first_sum[i][c] * scale);
#else
                    store_dk(row, k_column + column, first_sum[i][c] * scale);
                    store_dv(row, k_column + column, second_sum[i][c]);
#endif
                }
            }
        }
    }
}
