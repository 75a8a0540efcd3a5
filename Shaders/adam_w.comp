#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// One step of Adam with decoupled weight decay; the gradient becomes zero. Nothing else changes
// where the norm is not finite.
IN_OUT(0, parameter)
IN_OUT(1, gradient)
IN_OUT(2, first_moment)
IN_OUT(3, second_moment)
INPUT(4, clip)
INPUT(5, scalars)

#define OPERANDS 6

void element(uint row, uint column) {
    float g = gradient(row, column) * clip(0, 1);
    store_gradient(row, column, 0.0);
    if (!is_finite(clip(0, 0))) return;
    // Parameters: beta1, beta2, 1 - beta1, 1 - beta2, epsilon, weight decay.
    float m = FLOAT_PARAMETER(OPERANDS, 3) * first_moment(row, column) + FLOAT_PARAMETER(OPERANDS, 5) * g;
    float v = FLOAT_PARAMETER(OPERANDS, 4) * second_moment(row, column) + FLOAT_PARAMETER(OPERANDS, 6) * g * g;
    float rate = scalars(0, 0);
    float denominator = sqrt(v) / sqrt(scalars(0, 2)) + FLOAT_PARAMETER(OPERANDS, 7);
    float decayed = parameter(row, column) * (1.0 - rate * FLOAT_PARAMETER(OPERANDS, 8));
    store_first_moment(row, column, m);
    store_second_moment(row, column, v);
    store_parameter(row, column, decayed - rate / scalars(0, 1) * (m / denominator));
}

#include "common/elementwise.glsl"
