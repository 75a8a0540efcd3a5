#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"
#include "common/functions.glsl"

// p = p * (1 - rate * decay) - rate * scale * x; nothing changes where the norm is not finite.
IN_OUT(0, parameter)
INPUT(1, x)
INPUT(2, clip)
INPUT(3, scalars)

#define OPERANDS 4

void element(uint row, uint column) {
    if (!is_finite(clip(0, 0))) return;
    // Parameters: scale, weight decay.
    float rate = scalars(0, 0);
    float decayed = parameter(row, column) * (1.0 - rate * FLOAT_PARAMETER(OPERANDS, 4));
    store_parameter(row, column, decayed - rate * FLOAT_PARAMETER(OPERANDS, 3) * x(row, column));
}

#include "common/elementwise.glsl"
