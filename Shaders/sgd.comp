#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// One step of gradient descent with momentum; the gradient becomes zero. Nothing else changes where
// the norm is not finite.
IN_OUT(0, parameter)
IN_OUT(1, gradient)
IN_OUT(2, velocity)
INPUT(3, clip)
INPUT(4, scalars)

#define OPERANDS 5

void element(uint row, uint column) {
    // Parameters: momentum, weight decay, 1 for Nesterov's form.
    float momentum = FLOAT_PARAMETER(OPERANDS, 3);
    float p = parameter(row, column);
    float g = gradient(row, column) * clip(0, 1) + FLOAT_PARAMETER(OPERANDS, 4) * p;
    store_gradient(row, column, 0.0);
    if (!is_finite(clip(0, 0))) return;
    float m = momentum * velocity(row, column) + g;
    store_velocity(row, column, m);
    store_parameter(row, column, p - scalars(0, 0) * (PARAMETER(OPERANDS, 5) == 1u ? g + momentum * m : m));
}

#include "common/elementwise.glsl"
