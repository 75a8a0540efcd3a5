#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// Choices of each expert, and the sums of its shares of the softmax of each row of logits; rows
// that see no key are left out. An invocation takes an expert. Parameters: rows, experts, choices
// of a row.
INPUT(0, logits)
INPUT_INT(1, experts)
INPUT_INT(2, ranges)
#ifdef HAS_ADDEND
INPUT(3, addend)
OUTPUT(4, result)
#define OPERANDS 5
#else
OUTPUT(3, result)
#define OPERANDS 4
#endif

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint GROUP_SIZE = 16;

void main() {
    if (group_index() >= group_count()) return;
    uint own = group_index() * GROUP_SIZE + gl_LocalInvocationID.x;
    uint rows = PARAMETER(OPERANDS, 0);
    uint count = PARAMETER(OPERANDS, 1);
    uint choices = PARAMETER(OPERANDS, 2);
    if (own >= count) return;
    float chosen = 0.0;
    float shares = 0.0;
    for (uint row = 0u; row < rows; row++) {
        if (ranges(row, 1) <= ranges(row, 0)) continue;
        for (uint j = 0u; j < choices; j++) {
            if (experts(row, j) == int(own)) chosen += 1.0;
        }
        float largest = logits(row, 0);
        for (uint expert = 1u; expert < count; expert++) largest = max(largest, logits(row, expert));
        float sum = 0.0;
        for (uint expert = 0u; expert < count; expert++) sum += exp(logits(row, expert) - largest);
        shares += exp(logits(row, own) - largest) / sum;
    }
#ifdef HAS_ADDEND
    chosen += addend(0, own);
    shares += addend(1, own);
#endif
    store_result(0, own, chosen);
    store_result(1, own, shares);
}
