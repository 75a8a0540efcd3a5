#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// The COUNT largest logits of each row, the first of equal ones first, and their weights: shares of
// a softmax (common/experts.glsl). Parameters: rows, experts, threshold.
INPUT(0, logits)
OUTPUT(1, weights)
IN_OUT_INT(2, experts)
#define OPERANDS 3
#include "common/experts.glsl"

void main() {
    if (group_index() >= group_count()) return;
    uint row = group_index() * GROUP_SIZE + gl_LocalInvocationID.x;
    if (row >= PARAMETER(OPERANDS, 0)) return;
    uint count = PARAMETER(OPERANDS, 1);
    for (uint rank = 0; rank < COUNT; rank++) {
        int best = -1;
        float largest = 0.0;
        for (uint expert = 0; expert < count; expert++) {
            if (is_among(expert, rank)) continue;
            float logit = logits(row, expert);
            if (best < 0 || logit > largest) {
                best = int(expert);
                largest = logit;
            }
        }
        chosen[rank] = uint(best);
        store_experts(row, rank, best);
    }
    for (uint rank = 0; rank < COUNT; rank++) {
        if (rank == 0u || WEIGHTING == 2) find_set(row, rank, count);
        store_weights(row, rank, share(logits(row, chosen[rank])));
    }
}
