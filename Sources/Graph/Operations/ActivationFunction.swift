/// The curve of a feed-forward layer, gated or not.
package enum ActivationFunction: String, Sendable, Hashable, CaseIterable {
    /// `x * sigmoid(x)`.
    case silu
    /// `x` times the share of a normal distribution below it (Hendrycks and Gimpel 2016,
    /// arXiv:1606.08415).
    case gelu
    /// `0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x³)))`, as PyTorch's
    /// `gelu(approximate="tanh")`.
    case geluTanh
}
