#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// One step of Lion with decoupled weight decay; the gradient becomes zero. Nothing else changes
// where the norm is not finite.
IN_OUT(0, parameter)
IN_OUT(1, gradient)
IN_OUT(2, momentum)
INPUT(3, clip)
INPUT(4, scalars)

#define OPERANDS 5

void element(uint row, uint column) {
    float g = gradient(row, column) * clip(0, 1);
    store_gradient(row, column, 0.0);
    if (!is_finite(clip(0, 0))) return;
    // Parameters: beta1, beta2, 1 - beta1, 1 - beta2, weight decay.
    float m = momentum(row, column);
    float direction = FLOAT_PARAMETER(OPERANDS, 3) * m + FLOAT_PARAMETER(OPERANDS, 5) * g;
    float rate = scalars(0, 0);
    float decayed = parameter(row, column) * (1.0 - rate * FLOAT_PARAMETER(OPERANDS, 7));
    store_momentum(row, column, FLOAT_PARAMETER(OPERANDS, 4) * m + FLOAT_PARAMETER(OPERANDS, 6) * g);
    store_parameter(row, column, decayed - rate * sign(direction));
}

#include "common/elementwise.glsl"
