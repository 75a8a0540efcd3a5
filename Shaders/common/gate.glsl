// The curve of a feed-forward layer and its derivative: GELU_TANH or GELU defined, or silu.

vec2 activation(float x) {
#ifdef GELU_TANH
    // sqrt(2 / pi)
    const float factor = 0.7978845608028654;
    float square = x * x;
    float curve = hyperbolic_tangent(factor * (x + 0.044715 * square * x));
    float inner = factor * (1.0 + 0.134145 * square);
    return vec2(0.5 * x * (1.0 + curve), 0.5 * (1.0 + curve) + 0.5 * x * (1.0 - curve * curve) * inner);
#elif defined(GELU)
    float share = normal_share(x);
    return vec2(x * share, share + x * exp(-0.5 * x * x) * 0.3989422804014327);
#else
    float gate = sigmoid(x);
    return vec2(x * gate, gate * (1.0 + x * (1.0 - gate)));
#endif
}
