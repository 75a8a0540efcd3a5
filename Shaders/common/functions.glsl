// Elementary functions that stay finite where the built-in ones need not.

float hyperbolic_tangent(float x) { return 1.0 - 2.0 / (exp(2.0 * x) + 1.0); }
float sigmoid(float x) { return 1.0 / (1.0 + exp(-x)); }
bool is_finite(float x) { return (floatBitsToUint(x) & 0x7F800000u) != 0x7F800000u; }

// The share of the standard normal distribution below x, erfc(-x / sqrt(2)) / 2: erfc as the
// exponential of a polynomial in t = 1 / (1 + |z| / 2) (Press et al. 1992, Numerical Recipes,
// section 6.2).
float normal_share(float x) {
    float z = abs(x) * 0.7071067811865475;
    float t = 1.0 / (1.0 + 0.5 * z);
    float p = 0.17087277;
    p = p * t - 0.82215223;
    p = p * t + 1.48851587;
    p = p * t - 1.13520398;
    p = p * t + 0.27886807;
    p = p * t - 0.18628806;
    p = p * t + 0.09678418;
    p = p * t + 0.37409196;
    p = p * t + 1.00002368;
    p = p * t - 1.26551223;
    float tail = 0.5 * t * exp(p - z * z);
    return x < 0.0 ? tail : 1.0 - tail;
}
