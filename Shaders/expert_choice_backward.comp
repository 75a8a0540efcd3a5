#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// The gradient of a row's logits from that of its weights. Parameters: rows, experts, threshold.
INPUT(0, gradient)
INPUT(1, weights)
INPUT_INT(2, experts)
INPUT(3, logits)
IN_OUT(4, result)
#define OPERANDS 5
#include "common/experts.glsl"

void main() {
    if (group_index() >= group_count()) return;
    uint row = group_index() * GROUP_SIZE + gl_LocalInvocationID.x;
    if (row >= PARAMETER(OPERANDS, 0)) return;
    uint count = PARAMETER(OPERANDS, 1);
    float taken = 0.0;
    for (uint rank = 0; rank < COUNT; rank++) {
        chosen[rank] = uint(experts(row, rank));
        taken = fma(gradient(row, rank), weights(row, rank), taken);
    }
#if WEIGHTING == 0
    for (uint expert = 0; expert < count; expert++) store_result(row, expert, 0.0);
    for (uint rank = 0; rank < COUNT; rank++) {
        store_result(row, chosen[rank], weights(row, rank) * (gradient(row, rank) - taken));
    }
#elif WEIGHTING == 1
    find_set(row, 0u, count);
    for (uint expert = 0; expert < count; expert++) store_result(row, expert, -taken * share(logits(row, expert)));
    for (uint rank = 0; rank < COUNT; rank++) {
        store_result(row, chosen[rank], result(row, chosen[rank]) + gradient(row, rank) * weights(row, rank));
    }
#else
    for (uint expert = 0; expert < count; expert++) store_result(row, expert, 0.0);
    for (uint rank = 0; rank < COUNT; rank++) {
        find_set(row, rank, count);
        float factor = gradient(row, rank) * weights(row, rank);
        for (uint expert = 0; expert < count; expert++) {
            float logit = logits(row, expert);
            if (!is_in_set(row, expert, logit, rank)) continue;
            store_result(row, expert, result(row, expert) + factor * ((expert == chosen[rank] ? 1.0 : 0.0) - share(logit)));
        }
    }
#endif
}
