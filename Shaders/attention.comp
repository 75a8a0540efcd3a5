#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : enable
#include "common/operands.glsl"
#include "common/functions.glsl"

// Softmax attention with an online softmax: a group holds a block of queries of one head and walks
// over the keys that any of them sees.
INPUT(0, q)
INPUT(1, k)
INPUT(2, v)
INPUT_INT(3, key_ranges)
#ifdef HAS_SINKS
INPUT(4, sinks)
OUTPUT(5, result)
OUTPUT(6, log_sum_exp)
#define OPERANDS 7
#else
OUTPUT(4, result)
OUTPUT(5, log_sum_exp)
#define OPERANDS 6
#endif

#include "common/attention.glsl"

#if LANES > 1
shared float staged_q[OWN_BLOCK][SLICE + 1];
shared float staged_k[MET_BLOCK][SLICE + 1];
shared float shared_weights[OWN_BLOCK][MET_BLOCK + 1];
shared float shared_largest[OWN_BLOCK][LANES];
#endif

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: queries, blocks of queries, keys, scale, cap.
    uint query_count = PARAMETER(OPERANDS, 0);
    uint block_count = PARAMETER(OPERANDS, 1);
    uint key_count = PARAMETER(OPERANDS, 2);
    float scale = FLOAT_PARAMETER(OPERANDS, 3);
    float cap = FLOAT_PARAMETER(OPERANDS, 4);
    uint head = group_index() / block_count;
    uint block_start = (group_index() - head * block_count) * OWN_BLOCK;
    uint own_start = block_start + row_lane() * OWN;
    uint q_column = head * HEAD_WIDTH;
    uint k_column = head / GROUP_RATIO * HEAD_WIDTH;

    ivec2 seen[OWN];
    ivec2 walk = ivec2(0x7FFFFFFF, 0);
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        seen[i] = ivec2(0);
        if (own_start + i < query_count) seen[i] = ivec2(key_ranges(own_start + i, 0), key_ranges(own_start + i, 1));
        if (seen[i].x < seen[i].y) walk = ivec2(min(walk.x, seen[i].x), max(walk.y, seen[i].y));
    }
    walk = common_range(walk);

    float largest[OWN];
    float sum[OWN];
    float o[OWN][SHARE];
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        largest[i] = LOWEST;
        sum[i] = 0.0;
        [[unroll]] for (uint c = 0; c < SHARE; c++) o[i][c] = 0.0;
    }
#if LANES == 1
    float own_q[OWN][HEAD_WIDTH];
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        uint row = min(own_start + i, query_count - 1);
        [[unroll]] for (uint c = 0; c < HEAD_WIDTH; c++) own_q[i][c] = q(row, q_column + c);
    }
#endif

    for (int met_start = walk.x; met_start < walk.y; met_start += int(MET_BLOCK)) {
        float weights[OWN][MET];
        [[unroll]] for (uint i = 0; i < OWN; i++) { [[unroll]] for (uint j = 0; j < MET; j++) weights[i][j] = 0.0; }
#if LANES == 1
        [[unroll]] for (uint c = 0; c < HEAD_WIDTH; c++) {
            [[unroll]] for (uint j = 0; j < MET; j++) {
                float key = k(min(uint(met_start) + j, key_count - 1), k_column + c);
                [[unroll]] for (uint i = 0; i < OWN; i++) weights[i][j] += own_q[i][c] * key;
            }
        }
#else
        for (uint slice = 0; slice < HEAD_WIDTH; slice += SLICE) {
            barrier();
            for (uint e = gl_LocalInvocationID.x; e < OWN_BLOCK * SLICE; e += ROW_LANES * LANES) {
                uint row = block_start + e / SLICE;
                uint c = slice + e % SLICE;
                staged_q[e / SLICE][e % SLICE] = row < query_count && c < HEAD_WIDTH ? q(row, q_column + c) : 0.0;
            }
            for (uint e = gl_LocalInvocationID.x; e < MET_BLOCK * SLICE; e += ROW_LANES * LANES) {
                uint row = uint(met_start) + e / SLICE;
                uint c = slice + e % SLICE;
                staged_k[e / SLICE][e % SLICE] = row < key_count && c < HEAD_WIDTH ? k(row, k_column + c) : 0.0;
            }
            barrier();
            [[unroll]] for (uint c = 0; c < SLICE; c++) {
                [[unroll]] for (uint j = 0; j < MET; j++) {
                    float key = staged_k[lane() + j * LANES][c];
                    [[unroll]] for (uint i = 0; i < OWN; i++) weights[i][j] += staged_q[row_lane() * OWN + i][c] * key;
                }
            }
        }
#endif
        // From scores to weights in relation to the largest score so far; what was summed before is
        // scaled to it.
        float next[OWN];
        [[unroll]] for (uint i = 0; i < OWN; i++) {
            next[i] = largest[i];
            [[unroll]] for (uint j = 0; j < MET; j++) {
                int key = met_start + int(lane() + j * LANES);
                bool is_seen = key >= seen[i].x && key < seen[i].y;
                weights[i][j] = is_seen ? capped_score(weights[i][j], scale, cap).x : LOWEST;
                next[i] = max(next[i], weights[i][j]);
            }
        }
#if LANES > 1
        [[unroll]] for (uint i = 0; i < OWN; i++) shared_largest[row_lane() * OWN + i][lane()] = next[i];
        barrier();
        [[unroll]] for (uint i = 0; i < OWN; i++) {
            [[unroll]] for (uint other = 0; other < LANES; other++) next[i] = max(next[i], shared_largest[row_lane() * OWN + i][other]);
        }
#endif
        [[unroll]] for (uint i = 0; i < OWN; i++) {
            float shrink = exp(largest[i] - next[i]);
            largest[i] = next[i];
            sum[i] *= shrink;
            [[unroll]] for (uint c = 0; c < SHARE; c++) o[i][c] *= shrink;
            [[unroll]] for (uint j = 0; j < MET; j++) {
                int key = met_start + int(lane() + j * LANES);
                // A row that has seen nothing yet has LOWEST as its largest score, too.
                weights[i][j] = key >= seen[i].x && key < seen[i].y ? exp(weights[i][j] - next[i]) : 0.0;
                sum[i] += weights[i][j];
            }
        }
#if LANES == 1
        [[unroll]] for (uint c = 0; c < HEAD_WIDTH; c++) {
            [[unroll]] for (uint j = 0; j < MET; j++) {
                float value = v(min(uint(met_start) + j, key_count - 1), k_column + c);
                [[unroll]] for (uint i = 0; i < OWN; i++) o[i][c] += weights[i][j] * value;
            }
        }
#else
        [[unroll]] for (uint i = 0; i < OWN; i++) {
            [[unroll]] for (uint j = 0; j < MET; j++) shared_weights[row_lane() * OWN + i][lane() + j * LANES] = weights[i][j];
        }
        barrier();
        uint met_count = min(MET_BLOCK, uint(walk.y - met_start));
        for (uint met = 0; met < met_count; met++) {
            float own_weights[OWN];
            [[unroll]] for (uint i = 0; i < OWN; i++) own_weights[i] = shared_weights[row_lane() * OWN + i][met];
            [[unroll]] for (uint c = 0; c < SHARE; c++) {
                uint column = lane() + c * LANES;
                float value = column < HEAD_WIDTH ? v(uint(met_start) + met, k_column + column) : 0.0;
                [[unroll]] for (uint i = 0; i < OWN; i++) o[i][c] += own_weights[i] * value;
            }
        }
#endif
    }

#if LANES > 1
    // Each lane has summed its own keys' weights.
    barrier();
    [[unroll]] for (uint i = 0; i < OWN; i++) shared_largest[row_lane() * OWN + i][lane()] = sum[i];
    barrier();
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        sum[i] = 0.0;
        [[unroll]] for (uint other = 0; other < LANES; other++) sum[i] += shared_largest[row_lane() * OWN + i][other];
    }
#endif
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        uint row = own_start + i;
        if (row < query_count) {
            float shrink = 1.0;
#ifdef HAS_SINKS
            // One more score, whose value is nothing.
            if (sum[i] != 0.0) {
                float sink = sinks(0, head);
                float top = max(largest[i], sink);
                shrink = exp(largest[i] - top);
                sum[i] = sum[i] * shrink + exp(sink - top);
                largest[i] = top;
            }
#endif
            float share = sum[i] > 0.0 ? shrink / sum[i] : 0.0;
            // A sum that is not a number must not become zero.
            if (!(sum[i] >= 0.0)) share = sum[i];
            [[unroll]] for (uint c = 0; c < SHARE; c++) {
                uint column = lane() + c * LANES;
                if (column < HEAD_WIDTH) store_result(row, q_column + column, o[i][c] * share);
            }
            if (lane() == 0) store_log_sum_exp(row, head, sum[i] == 0.0 ? 0.0 : largest[i] + log(sum[i]));
        }
    }
}
