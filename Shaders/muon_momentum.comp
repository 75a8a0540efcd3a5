#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// Momentum and direction of Muon; the gradient becomes zero. The momentum stays, and the direction
// is zero, where the norm is not finite.
IN_OUT(0, gradient)
IN_OUT(1, momentum)
INPUT(2, clip)
OUTPUT(3, direction)

#define OPERANDS 4

void element(uint row, uint column) {
    // Parameters: momentum, 1 - momentum.
    float share = FLOAT_PARAMETER(OPERANDS, 4) * (gradient(row, column) * clip(0, 1));
    store_gradient(row, column, 0.0);
    if (!is_finite(clip(0, 0))) {
        store_direction(row, column, 0.0);
        return;
    }
    float mean = FLOAT_PARAMETER(OPERANDS, 3) * momentum(row, column) + share;
    store_momentum(row, column, mean);
#ifdef IS_NESTEROV
    mean = FLOAT_PARAMETER(OPERANDS, 3) * mean + share;
#endif
    store_direction(row, column, mean);
}

#include "common/elementwise.glsl"
