#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// The gradient of a row's logits from that of the sums of shares, the second row of `gradient`;
// zeros for rows that see no key. An invocation takes a row. Parameters: rows, experts.
INPUT(0, gradient)
INPUT(1, logits)
INPUT_INT(2, ranges)
OUTPUT(3, result)
#define OPERANDS 4

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint GROUP_SIZE = 64;

void main() {
    if (group_index() >= group_count()) return;
    uint row = group_index() * GROUP_SIZE + gl_LocalInvocationID.x;
    if (row >= PARAMETER(OPERANDS, 0)) return;
    uint count = PARAMETER(OPERANDS, 1);
    bool is_token = ranges(row, 1) > ranges(row, 0);
    float largest = logits(row, 0);
    for (uint expert = 1u; expert < count; expert++) largest = max(largest, logits(row, expert));
    float sum = 0.0;
    for (uint expert = 0u; expert < count; expert++) sum += exp(logits(row, expert) - largest);
    float mean = 0.0;
    for (uint expert = 0u; expert < count; expert++) {
        mean = fma(gradient(1, expert), exp(logits(row, expert) - largest) / sum, mean);
    }
    for (uint expert = 0u; expert < count; expert++) {
        float share = exp(logits(row, expert) - largest) / sum;
        store_result(row, expert, is_token ? share * (gradient(1, expert) - mean) : 0.0);
    }
}
