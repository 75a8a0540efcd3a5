#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// The loss of unevenly used experts and its gradient, by one invocation. Parameters: experts,
// coefficient, experts of a token.
INPUT(0, sums)
INPUT(1, scale)
OUTPUT(2, loss)
OUTPUT(3, gradient)
#define OPERANDS 4

layout(local_size_x_id = 0) in;

void main() {
    if (group_index() >= group_count()) return;
    uint count = PARAMETER(OPERANDS, 0);
    float chosen = 0.0;
    float product = 0.0;
    for (uint expert = 0u; expert < count; expert++) {
        chosen += sums(0, expert);
        product = fma(sums(0, expert), sums(1, expert), product);
    }
    float rows = chosen / float(PARAMETER(OPERANDS, 2));
    float factor = rows > 0.0 ? FLOAT_PARAMETER(OPERANDS, 1) * float(count) / (rows * rows) : 0.0;
    store_loss(0, 0, factor * product);
    float slope = factor * scale(0, 0);
    for (uint expert = 0u; expert < count; expert++) {
        store_gradient(0, expert, 0.0);
        store_gradient(1, expert, slope * sums(0, expert));
    }
}
