#version 460
#extension GL_GOOGLE_include_directive : require
#include "common/operands.glsl"

// y[t, :] = addend[t, :] + W(routes[t]) x[t, :]; the weights are parts of `stack`, one below the
// other. A route that the stack does not have has no weight. Parameters behind those of elementwise
// kernels: the inner size, rows of the stack.
INPUT(0, x)
INPUT(1, stack)
INPUT_INT(2, routes)
#ifdef HAS_ADDEND
INPUT(3, addend)
OUTPUT(4, y)
#define OPERANDS 5
#else
OUTPUT(3, y)
#define OPERANDS 4
#endif

void element(uint row, uint column) {
    float sum = 0.0;
    int route = routes(row, 0);
    uint inner = PARAMETER(OPERANDS, 3);
    uint outputs = PARAMETER(OPERANDS, 1);
    if (route >= 0 && (uint(route) + 1) * outputs <= PARAMETER(OPERANDS, 4)) {
        uint x_start = ELEMENT(0, row, 0);
        uint w_start = ELEMENT(1, uint(route) * outputs + column, 0);
        for (uint i = 0; i < inner; i++) sum = fma(x_at(x_start + i), stack_at(w_start + i), sum);
    }
#ifdef HAS_ADDEND
    sum += addend(row, column);
#endif
    store_y(row, column, sum);
}

#include "common/elementwise.glsl"
