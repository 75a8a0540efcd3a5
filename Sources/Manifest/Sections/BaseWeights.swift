/// How the frozen weights of a model lie on the device.
package enum BaseWeights: String, Sendable, Hashable, CaseIterable {
    /// As the checkpoint has them, where that can be computed with; else in the activations' type.
    case stored
    case float32
    case bfloat16
    /// The linear layers of the blocks in 8 bits, about 1.06 bytes a weight; all other weights as
    /// stored.
    case q8
    /// The linear layers of the blocks in 4 bits, about 0.52 bytes a weight; all other weights as
    /// stored.
    case nf4
}
