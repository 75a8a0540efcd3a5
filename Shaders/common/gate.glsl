// The curve of a gated unit and its derivative: GELU_TANH defined, or silu.

vec2 activation(float x) {
#ifdef GELU_TANH
    // sqrt(2 / pi)
    const float factor = 0.7978845608028654;
    float square = x * x;
    float curve = hyperbolic_tangent(factor * (x + 0.044715 * square * x));
    float inner = factor * (1.0 + 0.134145 * square);
    return vec2(0.5 * x * (1.0 + curve), 0.5 * (1.0 + curve) + 0.5 * x * (1.0 - curve * curve) * inner);
#else
    float gate = sigmoid(x);
    return vec2(x * gate, gate * (1.0 + x * (1.0 - gate)));
#endif
}
