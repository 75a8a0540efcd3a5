#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// accumulator[tokens[t], :] += scale * dy[t, :], tokens in ascending order: an invocation walks
// over all tokens for one column, and the rows of the accumulator are shared out among CLASSES
// groups by their number.
INPUT(0, dy)
INPUT_INT(1, tokens)
IN_OUT(2, accumulator)

#define OPERANDS 3
layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint GROUP_SIZE = 64;
layout(constant_id = 1) const uint CLASSES = 8;

void main() {
    if (group_index() >= group_count()) return;
    // Parameters: tokens, columns, scale, first row of the piece, rows of the piece.
    uint block = group_index() / CLASSES;
    uint class_number = group_index() - block * CLASSES;
    uint column = block * GROUP_SIZE + gl_LocalInvocationID.x;
    if (column >= PARAMETER(OPERANDS, 1)) return;
    float scale = FLOAT_PARAMETER(OPERANDS, 2);
    for (uint t = 0; t < PARAMETER(OPERANDS, 0); t++) {
        uint target = uint(tokens(t, 0)) - PARAMETER(OPERANDS, 3);
        if (target % CLASSES == class_number && target < PARAMETER(OPERANDS, 4)) {
            store_accumulator(target, column, accumulator(target, column) + scale * dy(t, column));
        }
    }
}
