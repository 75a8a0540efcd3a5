// Elementary functions that stay finite where the built-in ones need not.

float hyperbolic_tangent(float x) { return 1.0 - 2.0 / (exp(2.0 * x) + 1.0); }
float sigmoid(float x) { return 1.0 / (1.0 + exp(-x)); }
bool is_finite(float x) { return (floatBitsToUint(x) & 0x7F800000u) != 0x7F800000u; }
